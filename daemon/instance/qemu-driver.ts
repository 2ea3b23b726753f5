/** Drives QEMU: any binary that speaks QMP and says of itself that it can run the machine. */
import type { Build, BuildAbilities } from '../build.js';
import type { MachineSpec } from '../machine.js';
import { ContentHashes } from './content-hash.js';
import type { CommandLine, InstancePlan, Resolution, VmmDriver } from './driver.js';
import { qemuArguments } from './qemu-arguments.js';
import { type HardwareResolution, resolveHardware } from './qemu-machine.js';
import { probeQemu } from './qemu-probe.js';

export class QemuDriver implements VmmDriver {
  readonly kind = 'qemu';
  readonly #hashes = new ContentHashes();

  commandLine({ machine, build, paths, incoming }: InstancePlan): CommandLine {
    const { hardware, refusals } = hardwareFor(machine.spec, build.abilities);
    if (hardware === null) {
      throw new Error(`${build.path} cannot run machine ${machine.name}: ${refusals.join('; ')}`);
    }
    return { file: build.path, args: qemuArguments({ machine, hardware, paths, incoming }) };
  }

  async probe(path: string): Promise<Pick<Build, 'version' | 'contentHash' | 'abilities'>> {
    const contentHash = await this.contentHash(path);
    const { version, modes, qemu } = await probeQemu(path);
    return { version, contentHash, abilities: { modes, qemu } };
  }

  contentHash(path: string): Promise<string> {
    return this.#hashes.of(path);
  }

  resolve(spec: MachineSpec, abilities: BuildAbilities): Resolution {
    const { hardware, refusals } = hardwareFor(spec, abilities);
    return hardware === null ? { spec: null, refusals } : { spec: { ...spec, ...hardware }, refusals: [] };
  }
}

function hardwareFor(spec: MachineSpec, { qemu }: BuildAbilities): HardwareResolution {
  if (qemu !== undefined) return resolveHardware(spec, qemu);
  return { hardware: null, refusals: ['the build has not said what machines it can run'] };
}

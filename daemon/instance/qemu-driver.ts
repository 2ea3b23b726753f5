/** Drives QEMU: any binary that speaks QMP and says of itself that it can run the machine. */
import { realpath } from 'node:fs/promises';
import type { Build, BuildAbilities } from '../build.js';
import type { MachineSpec } from '../machine.js';
import type { Finding } from '../preflight/finding.js';
import { askAnew, type Recall } from '../preflight/kept-answers.js';
import { adoptedArguments } from './adopted-line.js';
import { stampOf } from './content-hash.js';
import type { CommandLine, Comparison, InstancePlan, Resolution, VmmDriver } from './driver.js';
import { qemuArguments } from './qemu-arguments.js';
import { QemuComparisons } from './qemu-comparisons.js';
import { type HardwareResolution, resolveHardware } from './qemu-machine.js';
import { lookAtQemu, probeQemu } from './qemu-probe.js';
import { withStandIns } from './qemu-stand-ins.js';

export class QemuDriver implements VmmDriver {
  readonly kind = 'qemu';
  readonly carriesNetwork = false;
  /** Stamps, by path, of files that were seen to be the program themselves. */
  readonly #plain = new Map<string, string>();
  readonly #comparisons: QemuComparisons;

  /** `recall` is for what its binaries say. */
  constructor(recall: Recall = askAnew) {
    this.#comparisons = new QemuComparisons(recall);
  }

  commandLine({ machine, build, paths, incoming }: InstancePlan): CommandLine {
    const { adopted = null, spec } = machine;
    if (adopted !== null) {
      const machineType = spec.machineType ?? '';
      const args = adoptedArguments({ line: adopted, machineType, paths, incoming });
      return { file: build.path, args, folder: adopted.folder };
    }
    const { hardware, refusals } = hardwareFor(spec, build.abilities);
    if (hardware === null) {
      throw new Error(`${build.path} cannot run machine ${machine.name}: ${refusals.join('; ')}`);
    }
    return { file: build.path, args: qemuArguments({ machine, hardware, paths, incoming }) };
  }

  async probe(path: string): Promise<Pick<Build, 'version' | 'abilities'>> {
    const { version, modes, qemu } = await probeQemu(path);
    return { version, abilities: { modes, qemu } };
  }

  /** Only by running it shows whether it is a wrapper, and what that becomes today. */
  async filesOf(path: string): Promise<readonly string[]> {
    const stamp = await stampOf([path]);
    if (this.#plain.get(path) === stamp) return [path];
    const itself = await realpath(path);
    const programs = (await lookAtQemu(path)).files.filter((file) => file !== itself);
    if (programs.length === 0) this.#plain.set(path, stamp);
    return [path, ...programs];
  }

  compare(comparison: Comparison): Promise<readonly Finding[]> {
    return this.#comparisons.findings(comparison);
  }

  standIns(spec: MachineSpec): Promise<MachineSpec> {
    return withStandIns(spec);
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

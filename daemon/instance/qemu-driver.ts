/** Drives QEMU: any binary that speaks QMP and says of itself that it can run the machine. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Build, BuildAbilities } from '../build.js';
import type { MachineSpec } from '../machine.js';
import type { QemuAbilities } from '../qemu-abilities.js';
import type { CommandLine, InstancePlan, VmmDriver } from './driver.js';
import { qemuArguments } from './qemu-arguments.js';
import { resolve } from './qemu-machine.js';
import { probeQemu } from './qemu-probe.js';

/** No QEMU comes near it; what does is not hashed, since that would hold up the daemon. */
const MAX_BINARY_BYTES = 1024 * 1024 * 1024;

/** As they are stored with a build of this kind. */
export interface QemuBuildAbilities extends BuildAbilities {
  readonly qemu: QemuAbilities;
}

export interface QemuPlan extends InstancePlan {
  readonly build: Pick<Build, 'path'> & { readonly abilities: QemuBuildAbilities };
}

export class QemuDriver implements VmmDriver {
  readonly kind = 'qemu';

  commandLine(plan: QemuPlan): CommandLine {
    const { machine, build, paths, incoming } = plan;
    const { choices, refusals } = resolve(machine.spec, build.abilities.qemu);
    if (choices === null) {
      throw new Error(`${build.path} cannot run machine ${machine.name}: ${refusals.join('; ')}`);
    }
    return { file: build.path, args: qemuArguments({ machine, choices, paths, incoming }) };
  }

  async probe(
    path: string,
  ): Promise<Pick<Build, 'version' | 'contentHash'> & { abilities: QemuBuildAbilities }> {
    const contentHash = await this.contentHash(path);
    const { version, modes, qemu } = await probeQemu(path);
    return { version, contentHash, abilities: { modes, qemu } };
  }

  async contentHash(path: string): Promise<string> {
    const status = await stat(path);
    if (!status.isFile() || status.size > MAX_BINARY_BYTES) {
      throw new Error(`expected a file of at most ${MAX_BINARY_BYTES} bytes at ${path}`);
    }
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    return hash.digest('hex');
  }

  /** Which machines a QEMU can run depends on the binary: that is said when it has been chosen. */
  refusals(_spec: MachineSpec): readonly string[] {
    return [];
  }
}

/**
 * What two QEMU binaries say of a move between them: whether the target knows all that its command line asks for,
 * and whether it can load what the source writes for the devices in use. What a binary said is kept by the
 * content of its file, also for later daemons, and asked again only for types that were not asked for yet.
 */

import type { Build } from '../build.js';
import { BoundedCache } from '../preflight/bounded-cache.js';
import type { CommandNeeds } from '../preflight/command-needs.js';
import type { Finding } from '../preflight/finding.js';
import { askAnew, ofBuild, type Recall } from '../preflight/kept-answers.js';
import { compareSchema, type TargetKnowledge } from '../preflight/schema-compare.js';
import type { VmStateDump } from '../preflight/vmstate.js';
import { compareVmState } from '../preflight/vmstate-compare.js';
import type { Comparison } from './driver.js';
import { knowledgeOf } from './qemu-knowledge.js';
import { dumpVmState } from './qemu-vmstate.js';

/** A dump of today's QEMU takes about one MiB of our memory. */
const KEPT_DUMPS = 16;
const KEPT_KNOWLEDGE = 32;

export class QemuComparisons {
  readonly #recall: Recall;
  readonly #knowledge = new BoundedCache<TargetKnowledge>(KEPT_KNOWLEDGE);
  readonly #dumps = new BoundedCache<VmStateDump>(KEPT_DUMPS);

  constructor(recall: Recall = askAnew) {
    this.#recall = recall;
  }

  async findings({ spec, needs, source, target, typesInUse }: Comparison): Promise<readonly Finding[]> {
    const findings = compareSchema(needs, await this.#knowledgeOf(target, needs));
    const isTypeThere = findings.every(({ code }) => code !== 'target_machine_missing');
    if (source === null || typesInUse === null || spec.machineType === null || !isTypeThere) return findings;
    const [written, read] = await Promise.all([
      this.#dumpOf(source, spec.machineType),
      this.#dumpOf(target, spec.machineType),
    ]);
    return [...findings, ...compareVmState(written, read, typesInUse)];
  }

  #knowledgeOf(build: Build, needs: CommandNeeds): Promise<TargetKnowledge> {
    const { path, contentHash, abilities } = build;
    const { qemu } = abilities;
    if (qemu === undefined) return Promise.reject(new Error(`${path} has not said what it can do`));
    const types = [needs.machine, ...needs.devices, ...needs.objects].map((named) => named?.name ?? '');
    const key = [path, contentHash, ...types].join('\0');
    return this.#knowledge.get(key, () => knowledgeOf(path, needs, qemu, ofBuild(this.#recall, build)));
  }

  #dumpOf(build: Build, machineType: string): Promise<VmStateDump> {
    const { path, contentHash } = build;
    const key = [path, contentHash, machineType].join('\0');
    return this.#dumps.get(key, () => dumpVmState(path, machineType, ofBuild(this.#recall, build)));
  }
}

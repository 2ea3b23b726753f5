/** Into which steps the pause of a cpr-exec falls, from what baton-vmm writes about its starts (vmm/trace.ts). */

export interface Pause {
  readonly stoppedAtUs: number;
  readonly resumedAtUs: number;
}

export interface Step {
  /** `from → to`, of two events that follow one another. */
  readonly name: string;
  readonly valuesMs: readonly number[];
}

interface Mark {
  readonly atUs: number;
  readonly name: string;
}

const NAMES = 'exec node node-ready loaded parsed begun memory monitors machine stream started'.split(' ');

/** Rehearsals write `stream` and `started` too: of each name the last within the pause counts. */
export function stepsOf(trace: string, pauses: readonly Pause[]): Step[] {
  const marks = trace
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Mark => {
      const [atUs = '', name = ''] = line.split(' ');
      return { atUs: Number(atUs), name };
    });
  const steps = new Map<string, number[]>();
  for (const { stoppedAtUs, resumedAtUs } of pauses) {
    const within = marks.filter(({ atUs }) => atUs >= stoppedAtUs && atUs <= resumedAtUs);
    const events = NAMES.flatMap((name) => within.findLast((mark) => mark.name === name) ?? []);
    const all = [{ atUs: stoppedAtUs, name: 'STOP' }, ...events, { atUs: resumedAtUs, name: 'RESUME' }];
    for (const [index, to] of all.entries()) {
      const from = all[index - 1];
      if (from === undefined) continue;
      const name = `${from.name} → ${to.name}`;
      steps.set(name, [...(steps.get(name) ?? []), (to.atUs - from.atUs) / 1000]);
    }
  }
  return [...steps].map(([name, valuesMs]) => ({ name, valuesMs }));
}

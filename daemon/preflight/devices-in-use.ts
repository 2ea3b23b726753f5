/**
 * The types of all objects of a running VMM, by walking its object tree over QMP. Only listings of single
 * places are asked for: a question for all types there are loads modules, which real VMMs did not survive.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';

/** What is needed of a QMP client. */
export interface QomReader {
  execute(command: 'qom-list', args: { path: string }): Promise<unknown>;
}

/** A machine of many devices has a few hundred; a tree without end is no tree. */
const MAX_OBJECTS = 20_000;
/** The machine's own tree holds everything that is saved; back ends beside it have no state of that kind. */
const ROOT = '/machine';
const CHILD = /^child<(.+)>$/;

export async function devicesInUse(qmp: QomReader): Promise<ReadonlySet<string>> {
  const types = new Set<string>();
  const paths = [ROOT];
  for (let at = 0; at < paths.length; at += 1) {
    const path = paths[at] as string;
    for (const { name, type } of await childrenOf(qmp, path)) {
      types.add(type);
      paths.push(`${path}/${name}`);
    }
    if (paths.length > MAX_OBJECTS) throw new Error(`expected at most ${MAX_OBJECTS} objects below ${ROOT}`);
  }
  return types;
}

async function childrenOf(qmp: QomReader, path: string): Promise<readonly { name: string; type: string }[]> {
  const answer = await qmp.execute('qom-list', { path });
  if (!Array.isArray(answer)) throw new Error(`expected qom-list ${path} to return an array`);
  return answer.filter(isRecord).flatMap(({ name, type }) => {
    const [, child] = CHILD.exec(String(type)) ?? [];
    /* Memory regions and interrupt lines are many, and no devices; nothing is below them. */
    if (child === undefined || typeof name !== 'string' || child === 'memory-region' || child === 'irq')
      return [];
    return [{ name, type: child }];
  });
}

import { queryCpusFast } from '../../qmp/commands/query-cpus-fast.js';
import { qmp } from '../command.js';
import { info } from './info.js';

interface Cpu {
  readonly 'cpu-index': number;
  readonly 'thread-id': number;
}

export const infoCpus = info('cpus', 'show infos for each CPU', async (context) => {
  const cpus = await qmp<readonly Cpu[]>(context, queryCpusFast);
  return cpus
    .map(
      (cpu, index) =>
        `${index === 0 ? '*' : ' '} CPU #${cpu['cpu-index']}: thread_id=${cpu['thread-id']} model=rv64\n`,
    )
    .join('');
});

/** What every connection of a guest must stand, by whatever way its frames go. */
import type { NetworkVmm } from './network-vmm.js';
import type { TcpStream } from './tcp-stream.js';

export interface Flow {
  readonly guest: NetworkVmm;
  readonly stream: TcpStream;
  /** More of the stream arrives. */
  flowsOn(): Promise<void>;
}

/** By cpr-transfer and cpr-exec in turn; prints the longest gaps that the stream saw. */
export async function handOverByTurns({ guest, stream, flowsOn }: Flow, rounds: number): Promise<void> {
  const gapsMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    stream.takeLongestGapMs();
    if (round % 2 === 0) await guest.transfer();
    else await guest.exec();
    await flowsOn();
    gapsMs.push(stream.takeLongestGapMs());
  }
  const ofMode = (rest: number) => gapsMs.filter((_, round) => round % 2 === rest).map(Math.round);
  console.log(`gaps in ms: cpr-transfer ${ofMode(0).join(' ')}, cpr-exec ${ofMode(1).join(' ')}`);
}

/** Early, on the CPR channel, and late, in the main channel, by turns. */
export async function handOverEarlyAndLate({ guest, flowsOn }: Flow, rounds: number): Promise<void> {
  const ways = ['normal', null, 'cpr-transfer'] as const;
  for (let round = 0; round < rounds; round++) {
    const way = ways[round % ways.length] ?? null;
    if (way === null) await guest.transfer();
    else await guest.transferLocal(way);
    await flowsOn();
  }
}

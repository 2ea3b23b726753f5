/** `virtio-balloon-device`: memory that the guest gives goes back to the host. */
import { discardPages } from '../../../native/index.js';
import { Balloon, PAGE_BYTES } from '../../devices/virtio-balloon/device.js';
import { STATISTICS } from '../../devices/virtio-balloon/statistics.js';
import { boolOf } from '../../options/device-type.js';
import type { DeviceOptions } from '../../options/options.js';
import type { DeviceQuestion } from '../device-question.js';
import type { DeviceContext, OpenPart } from '../devices.js';

const MAX_TIMER_MS = 2 ** 31 - 1;
const MAX_INTERVAL = 2 ** 32 - 1;

export async function openBalloon(
  { values }: DeviceOptions,
  { options, announce, report }: DeviceContext,
): Promise<OpenPart> {
  const ramBytes = options.memory.sizeBytes;
  let timer: NodeJS.Timeout | null = null;
  let isRefused = false;
  const pollEvery = (seconds: number) => {
    if (timer !== null) clearInterval(timer);
    timer = seconds === 0 ? null : setInterval(() => balloon.poll(), Math.min(seconds * 1000, MAX_TIMER_MS));
  };
  const host = {
    discard: (pages: Uint8Array) => {
      try {
        discardPages(pages);
      } catch (error) {
        if (!isRefused) report(`memory of the balloon stays in use: ${(error as Error).message}`);
        isRefused = true;
      }
    },
    secondsSince1970: () => Math.floor(Date.now() / 1000),
    resized: (pages: number) => announce({ name: 'BALLOON_CHANGE', actual: ramBytes - pages * PAGE_BYTES }),
    pollEvery,
  };
  const balloon = new Balloon(
    {
      deflateOnOom: boolOf(values, 'deflate-on-oom'),
      pagePoison: boolOf(values, 'page-poison'),
      freePageReporting: boolOf(values, 'free-page-reporting'),
    },
    host,
  );
  return {
    part: balloon.part,
    drain: async () => {},
    answer: (question) => answer(balloon, ramBytes, question),
    close: async () => pollEvery(0),
  };
}

function answer(balloon: Balloon, ramBytes: number, question: DeviceQuestion): unknown {
  switch (question.ask) {
    case 'balloon':
      return ramBytes - balloon.actualPages * PAGE_BYTES;
    case 'set-balloon':
      balloon.setTarget(Math.floor((ramBytes - Math.min(question.bytes, ramBytes)) / PAGE_BYTES));
      return null;
    case 'property':
      return question.name === 'guest-stats' ? statisticsOf(balloon) : balloon.interval;
    case 'set-property':
      balloon.setInterval(checkInterval(question.value));
      return null;
  }
}

function statisticsOf(balloon: Balloon): object {
  const { time, halves } = balloon.statistics;
  const stats = STATISTICS.map((name, tag) => {
    const [low = 0, high = 0] = halves.slice(2 * tag);
    return [name, (BigInt(high) << 32n) | BigInt(low)];
  });
  return { stats: Object.fromEntries(stats), 'last-update': time };
}

function checkInterval(value: unknown): number {
  if (!Number.isSafeInteger(value)) {
    throw new Error("Invalid parameter type for 'guest-stats-polling-interval', expected: integer");
  }
  const seconds = value as number;
  if (seconds < 0) throw new Error('timer value must be greater than zero');
  if (seconds > MAX_INTERVAL) throw new Error('timer value is too big');
  return seconds;
}

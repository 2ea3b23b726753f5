/**
 * `node dist/test/soak/streams.js [--minutes N] [--seed S]`: damages migration streams at random and by their
 * structure, and loads them. A case is fixed by its seed. What must hold for each: an end within a second of processor time, in a
 * decoded stream or an error that names section and offset, and no memory beyond what the bytes can want.
 */
import { parseArgs } from 'node:util';
import { TIMER_STATE } from '../../vmm/bus/virtual-clock.js';
import { CPU_STATE } from '../../vmm/cpu/state.js';
import { CLINT_STATE } from '../../vmm/devices/clint.js';
import { GOLDFISH_RTC_STATE } from '../../vmm/devices/goldfish-rtc.js';
import { PLIC_STATE } from '../../vmm/devices/plic.js';
import { UART16550_STATE } from '../../vmm/devices/uart16550-state.js';
import { virtioState } from '../../vmm/devices/virtio/state.js';
import { virtioRng } from '../../vmm/devices/virtio-rng/device.js';
import { decodeCprState, decodeExecState, encodeExecState } from '../../vmm/migration/cpr-state.js';
import { StreamDecoder } from '../../vmm/migration/decode-stream.js';
import { encodeHead, encodeTail } from '../../vmm/migration/encode-stream.js';
import { encodePages } from '../../vmm/migration/ram-pages.js';
import type { StreamSubject } from '../../vmm/migration/stream-format.js';
import { netdevState } from '../../vmm/net/netdev.js';
import { decodeSections, encodeSections } from '../../vmm/state/codec.js';
import type { StateDescription } from '../../vmm/state/description.js';
import { StreamError } from '../../vmm/state/stream-error.js';
import { mutate, type Random, randomFrom } from '../vmm/state/mutate.js';

/** Bytes of any length are in it. */
const NETDEV_STATE = netdevState('net0');

const DESCRIPTIONS = [
  TIMER_STATE,
  CPU_STATE,
  CLINT_STATE,
  PLIC_STATE,
  UART16550_STATE,
  GOLDFISH_RTC_STATE,
  virtioState(
    virtioRng({ take: (sizeBytes) => new Uint8Array(sizeBytes) }, { maxBytes: 1, periodMs: 1, after() {} }),
  ),
  NETDEV_STATE,
].map((description) => description as StateDescription<unknown>);
const EXPECTED = DESCRIPTIONS.map((description) => ({ description, instanceId: 0 }));
const PAGE_BYTES = 4096;
const RAM = new Uint8Array(8 * PAGE_BYTES);
/** What goes beside a stream, if its subject says so. */
const LATE = ['netdev/n0', 'netdev/n1'].map((name) => ({ name, id: 0, fd: 17 }));
const MAX_CASE_MS = 1000;
const MAX_GROWTH_BYTES = 256 * 1024 * 1024;

/** The parts of a stream, so that they can be left out, doubled and exchanged. */
function partsOf(random: Random): { subject: StreamSubject; carriesRam: boolean; parts: Uint8Array[] } {
  const carriesRam = random(2) === 0;
  const subject = {
    machineType: 'virt',
    ram: { name: 'ram0', sizeBytes: RAM.length },
    ignoreShared: !carriesRam && random(2) === 0,
    local: random(3) === 0,
  };
  const counts = { zero: 0, normal: 0 };
  const pages = carriesRam ? [...encodePages('ram0', sampleRam(random), counts)] : [];
  const sections = DESCRIPTIONS.map((description, index) => {
    const state =
      description.name === NETDEV_STATE.name ? { ...NETDEV_STATE.reset, ...held(random) } : description.reset;
    const section = { description, instanceId: 0, state };
    return encodeSections([section], 3 + index);
  });
  const description = sections.flatMap((section) => section.description);
  const none = { sections: new Uint8Array(), description };
  const tail = encodeTail(subject, 'running', none, LATE);
  const end = Buffer.from(tail).indexOf(Buffer.from([0, 6]), 20);
  const devices = sections.map(({ bytes }) => bytes);
  const parts = [
    encodeHead(subject, !carriesRam),
    ...pages,
    tail.subarray(0, end),
    ...devices,
    tail.subarray(end),
  ];
  return { subject, carriesRam, parts };
}

function held(random: Random): { received: Uint8Array; unsent: Uint8Array } {
  return { received: new Uint8Array(random(100)), unsent: new Uint8Array(random(5000)) };
}

function sampleRam(random: Random): Uint8Array {
  const ram = new Uint8Array(RAM.length);
  for (let page = 0; page < 8; page++) {
    if (random(2) === 0) ram.fill(random(256), page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  }
  return ram;
}

/** Leaves parts out, doubles them, exchanges them: each part by itself stays right. */
function restructure(parts: readonly Uint8Array[], random: Random): Uint8Array[] {
  const changed = [...parts];
  for (let times = random(3); times > 0 && changed.length > 1; times--) {
    const at = random(changed.length);
    const other = random(changed.length);
    const [part = new Uint8Array(), second = new Uint8Array()] = [changed[at], changed[other]];
    const kind = random(3);
    if (kind === 0) changed.splice(at, 1);
    else if (kind === 1) changed.splice(other, 0, part);
    else [changed[at], changed[other]] = [second, part];
  }
  return changed;
}

function load(bytes: Buffer, subject: StreamSubject, carriesRam: boolean, random: Random): void {
  const decoder = new StreamDecoder(subject, carriesRam ? RAM : null);
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random(random(4) === 0 ? 16 : bytes.length);
    decoder.push(bytes.subarray(at, at + size));
    at += size;
    if (decoder.isComplete()) break;
  }
  decodeSections(decoder.finish(subject.local ? LATE.map(({ fd }) => fd) : []).sections, EXPECTED);
}

/** Plays one case. Throws when something does not hold; true: it was refused. */
export function playCase(seed: number): boolean {
  const random = randomFrom(seed);
  const before = process.cpuUsage();
  const { subject, carriesRam, parts } = partsOf(random);
  const whole = Buffer.concat(random(2) === 0 ? restructure(parts, random) : parts);
  const bytes = random(3) === 0 ? whole : mutate(whole, seed);
  const isRefused = refuses(seed, () => load(bytes, subject, carriesRam, random));
  const state = encodeExecState([{ name: 'ram0', id: 0, fd: 17 }]);
  refuses(seed, () => decodeExecState(mutate(state, seed)));
  refuses(seed, () => decodeCprState(mutate(state, seed + 1)));
  const { user, system } = process.cpuUsage(before);
  const tookMs = (user + system) / 1000;
  if (tookMs > MAX_CASE_MS) throw new Error(`seed ${seed}: took ${Math.round(tookMs)} ms`);
  return isRefused;
}

/** Only in words that say where. */
function refuses(seed: number, decode: () => void): boolean {
  try {
    decode();
    return false;
  } catch (error) {
    if (error instanceof StreamError && error.section !== '' && error.offset >= 0) return true;
    throw new Error(`seed ${seed}: ${(error as Error).stack}`);
  }
}

function main(): number {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string', default: '1' } },
  });
  const endAt = performance.now() + Number(values.minutes) * 60_000;
  const before = process.memoryUsage().rss;
  let [seed, refused, cases] = [Number(values.seed), 0, 0];
  for (; performance.now() < endAt; seed++, cases++) if (playCase(seed)) refused++;
  const grownBytes = process.memoryUsage().rss - before;
  console.log(
    `${cases} cases up to seed ${seed - 1}, ${refused} refused, memory grown by ${grownBytes} bytes`,
  );
  return grownBytes > MAX_GROWTH_BYTES ? 1 : 0;
}

if (process.argv[1]?.endsWith('streams.js')) process.exitCode = main();

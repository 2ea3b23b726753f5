/**
 * TCP between the host and Linux in the guest, over a tap and over passt, baton-vmm beside QEMU in turns: bytes a
 * second each way, and the time of one byte there and back.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { makeNetwork, makeTap } from '../../e2e/own-network.js';
import { findInCache } from '../../fetch/cache.js';
import { makeNetworkGuest, type NetworkGuest, UP_LINE } from '../../guests/linux/network-guest.js';
import { SERVER_PORTS } from '../../guests/linux-server.js';
import { waitFor, within } from '../../helpers/wait.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, RunningVmm } from '../contender.js';

const BOOT_DEADLINE_MS = 120_000;
const TRANSFER_DEADLINE_MS = 300_000;
const TRANSFER_BYTES = 256 * 2 ** 20;
const SHORT_TRANSFER_BYTES = 32 * 2 ** 20;
const TURNS = 3;
const ROUND_TRIPS = 300;
const PIECE = Buffer.alloc(256 * 1024);

const TAP = 'tap0';
const HOST = '192.0.2.1';
const GUEST = '192.0.2.2';
/** What passt finds: another network of the host's, whose address it gives to the guest. */
const OUTSIDE = '198.51.100.10';
const ROUTER = '198.51.100.1';
const PASST_PORTS = 7000;

type Mode = keyof typeof SERVER_PORTS;
type Dial = (mode: Mode) => Promise<Socket>;

interface Figures {
  readonly toGuest: number[];
  readonly toHost: number[];
  readonly roundTrips: number[];
}

/** Tries until it is connected. */
function dialer(host: string, firstPort: number): Dial {
  const ports = Object.entries(SERVER_PORTS);
  return (mode) =>
    waitFor(
      async () => {
        const port = firstPort + (ports.find(([name]) => name === mode)?.[1] ?? 0);
        const socket = connect(port, host);
        try {
          await within(once(socket, 'connect'), 1_000, 'a connection');
          socket.setNoDelay(true);
          socket.on('error', () => {}); // whoever waits for it hears of it
          return socket;
        } catch {
          socket.destroy();
          return null;
        }
      },
      { deadlineMs: BOOT_DEADLINE_MS, pollMs: 100, what: `the guest to ${mode}` },
    );
}

async function send(dial: Dial, sizeBytes: number): Promise<number> {
  const socket = await dial('discard');
  const startedAt = performance.now();
  const closed = once(socket.resume(), 'close');
  for (let left = sizeBytes; left > 0; left -= PIECE.length) {
    if (!socket.write(PIECE.subarray(0, Math.min(left, PIECE.length)))) await once(socket, 'drain');
  }
  socket.end();
  await within(closed, TRANSFER_DEADLINE_MS, 'the guest to read all of it');
  return (performance.now() - startedAt) / 1000;
}

async function receive(dial: Dial, sizeBytes: number): Promise<number> {
  const socket = await dial('supply');
  const startedAt = performance.now();
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(sizeBytes));
  let received = 0;
  socket.on('data', ({ length }: Buffer) => {
    received += length;
  });
  const closed = once(socket, 'close');
  socket.write(length);
  await within(closed, TRANSFER_DEADLINE_MS, 'the guest to send all of it');
  if (received !== sizeBytes) throw new Error(`expected ${sizeBytes} bytes, got ${received}`);
  return (performance.now() - startedAt) / 1000;
}

async function roundTrips(dial: Dial): Promise<number[]> {
  const socket = await dial('echo');
  const times: number[] = [];
  for (let count = 0; count < ROUND_TRIPS; count++) {
    const startedAt = performance.now();
    socket.write('x');
    await within(once(socket, 'data'), 10_000, 'the byte to come back');
    times.push(performance.now() - startedAt);
  }
  socket.destroy();
  return times;
}

/** passt takes a connection that the guest then refuses. */
async function untilServed(dial: Dial): Promise<void> {
  const served = () =>
    roundTrips(dial).then(
      () => true,
      () => false,
    );
  await waitFor(served, { deadlineMs: BOOT_DEADLINE_MS, pollMs: 100, what: 'the guest to answer' });
}

async function measure(contender: Contender, guest: NetworkGuest, netdev: string, dial: Dial, bytes: number) {
  const vmm = new RunningVmm(contender, [
    ...['-machine', 'virt', '-m', '256M', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-global', 'virtio-mmio.force-legacy=false'],
    ...['-kernel', guest.kernel, '-initrd', guest.initrd, '-append', guest.commandLine],
    ...['-netdev', netdev, '-device', 'virtio-net-device,netdev=net0'],
  ]);
  try {
    await vmm.waitForSerial(UP_LINE, BOOT_DEADLINE_MS);
    await untilServed(dial);
    const times = await roundTrips(dial);
    return { toGuest: await send(dial, bytes), toHost: await receive(dial, bytes), times };
  } finally {
    await vmm.kill();
  }
}

function startPasst(socket: string): ChildProcess {
  const found = findInCache().passt();
  if ('missing' in found) throw new Error(found.missing);
  const network = ['--ipv4-only', '--address', OUTSIDE, '--netmask', '24', '--gateway', ROUTER];
  const ports = Object.values(SERVER_PORTS).map((port) => `${PASST_PORTS + port}:${port}`);
  const args = ['--foreground', '--quiet', '--runas', '0', '--socket', socket, ...network];
  return spawn(found.path, [...args, '--tcp-ports', ports.join(',')], { stdio: 'ignore' });
}

function comparisons(way: string, { baton, qemu }: BenchContext, of: Map<Contender, Figures>): Comparison[] {
  const compare = (
    what: string,
    unit: Comparison['unit'],
    pick: (figures: Figures) => number[],
  ): Comparison => {
    const side = (contender: Contender) => {
      const figures = of.get(contender);
      return { name: contender.name, values: figures === undefined ? [] : pick(figures) };
    };
    return { what: `${way}: ${what}`, unit, subject: side(baton), reference: side(qemu), goal: null };
  };
  return [
    compare('host to guest', 's', ({ toGuest }) => toGuest),
    compare('guest to host', 's', ({ toHost }) => toHost),
    compare('one byte and back', 'ms', (figures) => figures.roundTrips),
  ];
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const { baton, qemu, short, directory, log } = context;
  await makeNetwork('outside', `${OUTSIDE}/24`, ROUTER);
  await makeTap(TAP, `${HOST}/24`);
  const bytes = short ? SHORT_TRANSFER_BYTES : TRANSFER_BYTES;
  const addresses = {
    tap: { address: GUEST, router: HOST },
    passt: { address: OUTSIDE, router: ROUTER },
  };
  const results: Comparison[] = [];
  for (const way of ['tap', 'passt'] as const) {
    const figures = new Map<Contender, Figures>(
      [baton, qemu].map((contender) => [contender, { toGuest: [], toHost: [], roundTrips: [] }]),
    );
    const guest = await makeNetworkGuest(directory, addresses[way]);
    log(`${bytes / 2 ** 20} MiB each way over ${way}, ${short ? 1 : TURNS} turns`);
    for (let turn = 0; turn < (short ? 1 : TURNS); turn++) {
      for (const [contender, { toGuest, toHost, roundTrips: all }] of figures) {
        const socket = `${directory}/passt-${turn}-${contender === baton}`;
        const passt = way === 'passt' ? startPasst(socket) : null;
        try {
          if (passt !== null) await waitFor(() => existsSync(socket), { what: 'passt to listen' });
          const netdev =
            way === 'tap'
              ? `tap,id=net0,ifname=${TAP},script=no,downscript=no`
              : `stream,id=net0,server=off,addr.type=unix,addr.path=${socket}`;
          const dial = way === 'tap' ? dialer(GUEST, 0) : dialer('127.0.0.1', PASST_PORTS);
          const one = await measure(contender, guest, netdev, dial, bytes);
          toGuest.push(one.toGuest);
          toHost.push(one.toHost);
          all.push(...one.times);
        } finally {
          passt?.kill('SIGKILL');
        }
      }
    }
    results.push(...comparisons(way, context, figures));
  }
  return results;
}

export const network: Benchmark = {
  name: 'network',
  summary: 'TCP over a tap and over passt: time for the same bytes, and for one byte there and back',
  ownNetwork: true,
  run,
};

/**
 * What devices cost an upgrade: the pause of baton-vmm with all eight slots of the board taken beside none, by each
 * live mode, in turns; and what TCP and a disk that is written and synced see of a cpr-transfer, beside the pause.
 * The gaps are those of the whole Debian at work, whose one processor does all of that at once.
 */
import { truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DebianStage } from '../../e2e/debian-stage.js';
import { ownNetworkMissing } from '../../e2e/own-network.js';
import { debianSystemMissing } from '../../guests/linux/debian-system.js';
import { ticker } from '../../guests/ticker.js';
import { BareQemu, MachineArguments, type Mode } from '../bare-qemu.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { machineArguments } from '../contender.js';

const RUNS = 30;
const SHORT_RUNS = 4;
const GAP_RUNS = 12;
const MEMORY_MIB = 256;
const DISK_BYTES = 64 * 2 ** 20;
const MODES = ['cpr-transfer', 'cpr-exec'] as const satisfies readonly Mode[];

/** Takes what the cards send, which is nothing: the ticker has no drivers. */
async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

async function eightDevices(directory: string): Promise<{ args: string[]; close(): void }> {
  const servers: Server[] = [];
  const args = ['-global', 'virtio-mmio.force-legacy=false'];
  for (const index of [0, 1]) {
    const disk = join(directory, `disk${index}`);
    await writeFile(disk, '');
    await truncate(disk, DISK_BYTES);
    args.push('-drive', `if=none,id=d${index},file=${disk},format=raw`);
    args.push('-device', `virtio-blk-device,drive=d${index}`);
    const network = join(directory, `net${index}`);
    servers.push(await listen(network));
    args.push('-netdev', `stream,id=n${index},server=off,addr.type=unix,addr.path=${network}`);
    args.push('-device', `virtio-net-device,netdev=n${index}`);
  }
  for (const index of [0, 1]) {
    args.push('-device', `virtio-serial-device,id=s${index}`);
    args.push('-chardev', `socket,id=p${index},path=${join(directory, `port${index}`)},server=on,wait=off`);
    args.push('-device', `virtserialport,bus=s${index}.0,chardev=p${index},name=port.${index}`);
  }
  args.push('-object', 'rng-random,id=r0,filename=/dev/urandom', '-device', 'virtio-rng-device,rng=r0');
  args.push('-device', 'virtio-balloon-device');
  const close = () => {
    for (const server of servers) server.close();
  };
  return { args, close };
}

async function racePauses(context: BenchContext, mode: Mode, kernel: string): Promise<Comparison> {
  const { baton, short, directory } = context;
  const devices = await eightDevices(directory);
  const machines = [devices.args, []].map((more, index) => {
    const args = [
      ...machineArguments({ kernel, memoryMiB: MEMORY_MIB }),
      ...['-serial', 'null', '-S', '-qmp', 'unix:{folder}/qmp.sock,server=on,wait=off', ...more],
    ];
    return new BareQemu(new MachineArguments(args), join(directory, `${mode}-${index}`));
  });
  try {
    for (const machine of machines) await machine.start(baton);
    for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
      for (const machine of machines) await machine.upgrade(mode, baton);
    }
  } finally {
    for (const machine of machines) await machine.end();
    devices.close();
  }
  const [withDevices, without] = machines.map(({ pauses }) => pauses);
  return {
    ...{ what: `pause of ${mode}, ${MEMORY_MIB} MiB`, unit: 'ms', goal: null },
    subject: { name: 'eight devices', values: withDevices ?? [] },
    reference: { name: 'none', values: without ?? [] },
  };
}

async function gaps({ baton, short, log }: BenchContext): Promise<Comparison[]> {
  const missing = (await debianSystemMissing()) ?? (await ownNetworkMissing());
  if (missing !== null) {
    log(`gaps are left out: ${missing}`);
    return [];
  }
  log('a whole Debian at work, by cpr-transfer');
  const stage = await DebianStage.open(baton);
  try {
    const atRest = { tcp: [] as number[], disk: [] as number[] };
    const around = { tcp: [] as number[], disk: [] as number[], pauses: [] as number[] };
    for (let count = 0; count < (short ? SHORT_RUNS : GAP_RUNS); count++) {
      for (const figures of [await stage.rest(), await stage.upgrade('cpr-transfer')]) {
        const side = figures.mode === null ? atRest : around;
        side.tcp.push(figures.tcpGapMs);
        side.disk.push(figures.longestWriteMs);
        if (figures.mode !== null) around.pauses.push(figures.pauseMs);
      }
    }
    await stage.finish();
    const compare = (what: string, values: number[], name: string, reference: number[]): Comparison => ({
      ...{ what, unit: 'ms', goal: null },
      ...{ subject: { name: 'around an upgrade', values }, reference: { name, values: reference } },
    });
    return [
      compare('longest gap of TCP', around.tcp, 'at rest', atRest.tcp),
      compare('longest gap of TCP, beside the pause', around.tcp, 'pause', around.pauses),
      compare('longest write of 128 KiB with fsync', around.disk, 'at rest', atRest.disk),
    ];
  } finally {
    await stage.close();
  }
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const kernel = join(context.directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const comparisons: Comparison[] = [];
  for (const mode of MODES) {
    context.log(`${mode} with eight devices and with none, in turns`);
    comparisons.push(await racePauses(context, mode, kernel));
  }
  return [...comparisons, ...(await gaps(context))];
}

export const devices: Benchmark = {
  name: 'devices',
  summary: 'what devices cost a pause, and what TCP and a disk see of one',
  ownNetwork: true,
  run,
};

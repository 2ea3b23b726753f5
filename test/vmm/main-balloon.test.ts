/** A balloon in a Linux guest: memory comes back to the host, also after a hand-over. */
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFifo } from '../../native/index.js';
import { makeRiscvGuest, riscvGuestMissing } from '../guests/linux/riscv-guest.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';
import { LinuxRelay } from './linux-relay.js';
import { VmmHost } from './vmm-process.js';

const test = suite('balloon in a Linux guest');
const MIB = 2 ** 20;
const RAM_MIB = 192;

/** Fills memory, so that there is something to give back. */
const SCRIPT = [
  'mount -t tmpfs tmpfs /mnt; dd if=/dev/urandom of=/mnt/filler bs=1M count=48 2>/dev/null; rm /mnt/filler',
  'echo "filled"; read -r word < /dev/console',
];

let host: VmmHost;
let relay: LinuxRelay;

test.before.each(async () => {
  host = await VmmHost.create();
  makeFifo(`${host.path}/input`);
  const guest = await makeRiscvGuest(host.path, SCRIPT);
  relay = await LinuxRelay.boot(host, [...guest, '-device', 'virtio-balloon-device,id=b0']);
  await relay.line(/filled/);
});

test.after.each(() => host.remove());

/** What guest RAM takes of the host's memory. */
function residentMiB(): number {
  const folder = `/proc/${relay.vmm.pid}/fd`;
  const ram = readdirSync(folder).find((fd) => readlinkSync(`${folder}/${fd}`).includes('memfd:ram0'));
  assert.ok(ram, 'guest RAM has a descriptor');
  return (statSync(`${folder}/${ram}`).blocks * 512) / MIB;
}

const actualMiB = async () => (await relay.monitor.execute<{ actual: number }>('query-balloon')).actual / MIB;

async function shrinkTo(sizeMiB: number): Promise<void> {
  await relay.monitor.execute('balloon', { value: sizeMiB * MIB });
  await waitFor(async () => (await actualMiB()) === sizeMiB, { what: `${sizeMiB} MiB`, deadlineMs: 60_000 });
}

interface Statistics {
  readonly stats: Readonly<Record<string, number>>;
  readonly 'last-update': number;
}

test('gives memory back and takes it again, tells of it, and goes on so after hand-overs', async () => {
  const path = '/machine/peripheral/b0';
  assert.is(await actualMiB(), RAM_MIB);
  const before = residentMiB();
  await shrinkTo(140);
  await relay.monitor.event('BALLOON_CHANGE');
  assert.ok(residentMiB() < before - 10, `${residentMiB()} MiB, before ${before} MiB`);
  const interval = { path, property: 'guest-stats-polling-interval' };
  await relay.monitor.execute('qom-set', { ...interval, value: 1 });
  for (const mode of ['cpr-transfer', 'cpr-exec'] as const) {
    await relay.upgrade(mode);
    assert.is(await actualMiB(), 140);
    assert.ok(residentMiB() < before - 10, 'the hand-over filled nothing');
    assert.is(await relay.monitor.execute('qom-get', interval), 1);
    const since = Math.floor(Date.now() / 1000);
    const property = 'guest-stats';
    const fresh = async () => {
      const found = await relay.monitor.execute<Statistics>('qom-get', { path, property });
      return found['last-update'] > since ? found : null;
    };
    const { stats } = await waitFor(fresh, { what: 'statistics after the hand-over' });
    const total = (stats['stat-total-memory'] ?? 0) / MIB;
    assert.ok(total > 10 && total < RAM_MIB, `${total} MiB in all`);
  }
  await shrinkTo(RAM_MIB);
  await relay.monitor.execute('system_reset');
  await relay.line(/filled[\s\S]*filled/);
});

const missing = riscvGuestMissing();
if (missing === null) test.run();
else skipSuite('balloon in a Linux guest', missing);

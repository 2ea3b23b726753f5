import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diskFindings, memoryFindings, stateFileBytes } from '../../../daemon/preflight/room.js';

const FOLDERS = { runtimeDir: tmpdir(), stateDir: tmpdir() };
/** No disk has room for it. */
const HUGE = { memoryMiB: 1024 ** 4 };

const test = suite('room on the host');

test('only with cpr-reboot the memory of the guest goes through the file', () => {
  const sizes = (['cpr-transfer', 'cpr-exec', 'cpr-reboot'] as const).map(
    (mode) => stateFileBytes({ memoryMiB: 1024 }, mode) / 1024 / 1024,
  );
  assert.equal(sizes, [0, 16, 1040]);
});

test('a state that has no room on the disk blocks the mode that writes it', async () => {
  const [finding] = await diskFindings(HUGE, 'cpr-reboot', FOLDERS);
  assert.equal([finding?.code, finding?.severity], ['disk_space_low', 'block']);
  assert.match(finding?.sentence ?? '', /needs \d+ MiB of room in .*, but there are \d+ MiB/);
  assert.equal(await diskFindings(HUGE, 'cpr-transfer', FOLDERS), []);
});

test('little memory is no more than a warning, but where the guest is in memory twice', async () => {
  const live = await memoryFindings(HUGE, 'cpr-transfer');
  assert.not(live.some(({ severity }) => severity === 'block'));
  const [finding] = await memoryFindings(HUGE, 'cpr-reboot');
  assert.equal([finding?.code, finding?.severity], ['host_memory_low', 'block']);
  assert.match(finding?.remedy ?? '', /suspend the machine and restore it/);
});

test.run();

/** A client that hangs up while the guest does not read its port keeps nobody out, whichever process has the guest then. */
import * as assert from 'uvu/assert';
import { closeFd, connectUnix, NativeError, writeFd } from '../../native/index.js';
import { spin } from '../guests/spin.js';
import { waitFor } from '../helpers/wait.js';
import { consoleSuite, socketSerial } from './console-stage.js';
import { Relay } from './relay.js';

/** More than the kernel lets wait for a server. */
const CLIENTS = 12;

const test = consoleSuite('clients that leave unread');

test('each finds its turn, before and after cpr-transfer and cpr-exec', async (context) => {
  const relay = await Relay.start(context.host, spin(), socketSerial(context));
  context.relay = relay;
  await relay.monitor.execute('cont');
  await comeAndGo(`${context.host.path}/console`);
  await relay.transfer();
  await comeAndGo(`${context.host.path}/console`);
  await relay.exec();
  await comeAndGo(`${context.host.path}/console`);
  assert.is(relay.current.stderr, '');
});

/** One after the other says something that the guest does not read, and leaves. */
async function comeAndGo(path: string): Promise<void> {
  for (let count = 1; count <= CLIENTS; count++) {
    const fd = await waitFor(() => tryToConnect(path), { what: `the turn of client ${count}` });
    writeFd(fd, Buffer.alloc(100, 'x'));
    closeFd(fd);
  }
}

function tryToConnect(path: string): number | null {
  try {
    return connectUnix(path);
  } catch (error) {
    if (error instanceof NativeError && error.code === 'EAGAIN') return null;
    throw error;
  }
}

test.run();

/** Opens the QMP monitors that the options name, each on its character device. */
import { Duplex } from 'node:stream';
import { OptionError } from './options/error.js';
import type { ChardevOptions, MonitorOptions, SocketChardevOptions, VmmOptions } from './options/options.js';
import { type ConnectionOptions, serveClient } from './qmp/connection.js';
import { MonitorServer } from './qmp/server.js';

type Shared = Omit<ConnectionOptions, 'pretty'>;

/** Resolves when all listen, and those with `wait=on` have a client. */
export async function openMonitors(
  options: Pick<VmmOptions, 'monitors' | 'chardevs'>,
  shared: Shared,
  atEnd: (undo: () => Promise<void>) => void,
): Promise<void> {
  const pairs = options.monitors.map((monitor) => ({ monitor, chardev: findChardev(monitor, options) }));
  for (const { monitor, chardev } of pairs) {
    const settings = { ...shared, pretty: monitor.pretty };
    if (chardev.backend === 'socket') await openSocket(chardev, settings, atEnd);
    else serveStdio(settings);
  }
}

function findChardev(
  { chardev: id }: MonitorOptions,
  { chardevs }: Pick<VmmOptions, 'chardevs'>,
): ChardevOptions {
  const chardev = chardevs.find((candidate) => candidate.id === id);
  if (chardev === undefined) throw new OptionError('-mon', `chardev '${id}' not found`);
  const isServer = chardev.backend === 'socket' && chardev.server;
  if (!isServer && chardev.backend !== 'stdio') {
    throw new OptionError(
      '-mon',
      `chardev '${id}': a monitor needs a unix socket with server=on, or stdio; others are not supported yet`,
    );
  }
  if (chardev.logfile !== null) {
    throw new OptionError('-mon', `chardev '${id}': logfile is not supported for monitors yet`);
  }
  return chardev;
}

async function openSocket(
  { id, path, wait }: SocketChardevOptions & { readonly id: string },
  settings: ConnectionOptions,
  atEnd: (undo: () => Promise<void>) => void,
): Promise<void> {
  let server: MonitorServer;
  try {
    server = await MonitorServer.listen(path, settings);
  } catch (cause) {
    throw new Error(`chardev '${id}': cannot listen on ${path}: ${(cause as Error).message}`, { cause });
  }
  atEnd(() => server.close());
  if (wait) await server.firstClient();
}

function serveStdio(settings: ConnectionOptions): void {
  const stream = Duplex.from({ readable: process.stdin, writable: process.stdout });
  // Never rejects; when the input ends the VM goes on.
  serveClient(stream, settings).then(() => undefined);
}

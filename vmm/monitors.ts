/** Opens the monitors that the options name, QMP and human ones, each on its character device. */
import { Duplex } from 'node:stream';
import { NamedDescriptors } from './descriptors/monitor-descriptors.js';
import { OptionError } from './options/error.js';
import type { ChardevOptions, MonitorOptions, SocketChardevOptions, VmmOptions } from './options/options.js';
import { type ConnectionOptions, serveClient } from './qmp/connection.js';
import { DuplexClient } from './qmp/monitor-client.js';
import { MonitorServer, type ServeClient } from './qmp/server.js';

type Shared = Omit<ConnectionOptions, 'pretty' | 'names'>;
type AtEnd = (undo: () => Promise<void>) => void;

/** Resolves when all listen, and those with `wait=on` have a client. */
export async function openMonitors(
  options: Pick<VmmOptions, 'monitors' | 'chardevs'>,
  shared: Shared,
  atEnd: AtEnd,
): Promise<void> {
  const pairs = options.monitors.map((monitor) => ({ monitor, chardev: findChardev(monitor, options) }));
  for (const { monitor, chardev } of pairs) {
    const names = new NamedDescriptors();
    atEnd(async () => names.close());
    const serve = await speaker(monitor, { ...shared, names });
    if (chardev.backend === 'socket') await openSocket(chardev, serve, atEnd);
    else serveStdio(serve, monitor.mode === 'readline', atEnd);
  }
}

/** The human monitor is loaded when there is one: a VM without it starts sooner. */
async function speaker(
  { mode, pretty }: MonitorOptions,
  shared: Shared & { readonly names: NamedDescriptors },
): Promise<ServeClient> {
  if (mode === 'control') return (client) => serveClient(client, { ...shared, pretty });
  const { serveHmp } = await import('./hmp/session.js');
  return (client) => serveHmp(client, shared);
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
  serve: ServeClient,
  atEnd: AtEnd,
): Promise<void> {
  let server: MonitorServer;
  try {
    server = await MonitorServer.listen(path, serve);
  } catch (cause) {
    throw new Error(`chardev '${id}': cannot listen on ${path}: ${(cause as Error).message}`, { cause });
  }
  atEnd(() => server.close());
  if (wait) await server.firstClient();
}

const CTRL_C = 3;

/**
 * When the input ends the VM goes on. The human monitor edits the line itself, so the terminal must not; Ctrl-C
 * ends the VM all the same.
 */
function serveStdio(serve: ServeClient, edits: boolean, atEnd: AtEnd): void {
  const { stdin, stdout } = process;
  if (edits && stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', (bytes: Buffer) => {
      if (bytes.includes(CTRL_C)) process.kill(process.pid, 'SIGINT');
    });
    atEnd(async () => {
      stdin.setRawMode(false);
    });
  }
  void serve(new DuplexClient(Duplex.from({ readable: stdin, writable: stdout })));
}

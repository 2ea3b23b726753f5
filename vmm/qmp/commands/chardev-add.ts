import { defineCommand } from '../command.js';

const COMMON = {
  logfile: { type: 'str', optional: true },
  logappend: { type: 'bool', optional: true },
} as const;
const FILE = {
  ...COMMON,
  out: { type: 'str' },
  in: { type: 'str', optional: true },
  append: { type: 'bool', optional: true },
} as const;
const ADDRESS = {
  tag: 'type',
  variants: { unix: { data: { type: { struct: { path: { type: 'str' } } } } } },
} as const;
const SOCKET = {
  ...COMMON,
  addr: { type: ADDRESS },
  server: { type: 'bool', optional: true },
  wait: { type: 'bool', optional: true },
  'reconnect-ms': { type: 'int', optional: true },
} as const;
const BACKEND = {
  tag: 'type',
  variants: {
    null: { data: { type: { struct: COMMON } } },
    pty: { data: { type: { struct: COMMON } } },
    stdio: { data: { type: { struct: { ...COMMON, signal: { type: 'bool', optional: true } } } } },
    file: { data: { type: { struct: FILE } } },
    socket: { data: { type: { struct: SOCKET } } },
  },
} as const;

interface Backend {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Opens a character device for a device that is added later. Nobody waits for a client: a server has `wait` off.
 *
 * Returns: for a terminal its path, `pty`.
 * Errors: the id is taken, it cannot be opened; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "chardev-add", "arguments": { "id": "c0", "backend": { "type": "socket", "data": {
 *          "addr": { "type": "unix", "data": { "path": "/run/disk.sock" } }, "server": false } } } }
 *     <- { "return": {} }
 */
export const chardevAdd = defineCommand({
  name: 'chardev-add',
  args: { id: { type: 'str' }, backend: { type: BACKEND } },
  returns: { struct: { pty: { type: 'str', optional: true } } },
  run: async ({ hotPlug, vm }, { id, backend }) => {
    const { type, data } = backend as Backend;
    await hotPlug.addChardev(JSON.stringify({ backend: type, id, ...likeTheOption(type, data) }));
    const pty = vm.terminals[id];
    return pty === undefined ? {} : { pty };
  },
});

/** `-chardev` has other words for some, and a server is what QMP has by default. */
function likeTheOption(type: string, data: Backend['data']): object {
  if (type === 'file') {
    const { out, in: input, ...others } = data;
    return { path: out, ...(input === undefined ? {} : { 'input-path': input }), ...others };
  }
  if (type !== 'socket') return data;
  const { addr, server = true, wait = false, ...others } = data;
  const { path } = (addr as { data: { path: string } }).data;
  return { path, server, ...(server === true ? { wait } : {}), ...others };
}

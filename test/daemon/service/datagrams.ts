/** Who listens for datagrams, as systemd does: Node cannot, so python3 does it and tells each on a line of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitFor } from '../../helpers/wait.js';

const PROGRAM = `
import json, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
listener.bind("\\0" + name[1:] if name[0] == "@" else name)
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(listener.recv(65536).decode()), flush=True)
`;

export interface Datagrams {
  readonly received: string[];
  end(): Promise<void>;
}

export async function receiveDatagrams(address: string): Promise<Datagrams> {
  const child: ChildProcess = spawn('python3', ['-c', PROGRAM, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const received: string[] = [];
  child.stdout?.on('data', (chunk) => {
    output += chunk;
    const lines = output.split('\n');
    output = lines.pop() ?? '';
    received.push(...lines.map((line) => JSON.parse(line) as string));
  });
  await waitFor(() => received.shift() === 'bound', { deadlineMs: 10_000, what: `a listener at ${address}` });
  return {
    received,
    async end() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

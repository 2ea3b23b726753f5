/** Says back what it is told on the unix socket of its argument; tells its parent when it listens. */
import { createServer } from 'node:net';

const [path = ''] = process.argv.slice(2);
createServer((socket) => socket.pipe(socket).on('error', () => {})).listen(path, () =>
  process.send?.('listening'),
);
process.on('disconnect', () => process.exit());

import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CarriedDescriptors } from '../../../vmm/carried.js';
import type { Chardev } from '../../../vmm/chardev/chardev.js';
import { openChardev } from '../../../vmm/chardev/open.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { waitFor } from '../../helpers/wait.js';
import { openFds } from '../../native/observe.js';

const test = suite<{ opened: Chardev[]; fds: number }>('terminal chardev');

test.before.each((context) => {
  context.fds = openFds();
  context.opened = [];
});
test.after.each(async ({ opened, fds }) => {
  await Promise.all(opened.map((chardev) => chardev.close()));
  assert.is(openFds(), fds, 'descriptors');
});

async function open(context: { opened: Chardev[] }, backlogBytes = 0): Promise<Chardev> {
  const [options] = parseOptions(['-kernel', 'k', '-serial', 'pty']).chardevs;
  if (options === undefined) throw new Error('no chardev parsed');
  const received = new CarriedDescriptors([]);
  const chardev = await openChardev(options, { backlogBytes, awaitsGuest: false, received });
  context.opened.push(chardev);
  return chardev;
}

function openTerminal({ terminal }: Chardev): number {
  return openSync(terminal ?? '', constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
}

function hear(fd: number): string {
  const into = Buffer.alloc(1000);
  try {
    return into.toString('latin1', 0, readSync(fd, into));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

test('output waits for the first program that opens it, and both directions work', async (context) => {
  const chardev = await open(context);
  chardev.write(Buffer.from('early '));
  const terminal = openTerminal(chardev);
  chardev.write(Buffer.from('late'));
  let heard = '';
  await waitFor(
    () => {
      heard += hear(terminal);
      return heard === 'early late';
    },
    { what: 'both' },
  );
  let typed = '';
  chardev.onReadable = () => {
    typed += Buffer.from(chardev.read(10)).toString();
  };
  chardev.setReading(true);
  writeSync(terminal, 'typed\r\x03');
  await waitFor(() => typed === 'typed\r\x03', { what: 'what was typed, unchanged' });
  closeSync(terminal);
});

test('the last program that closes it and the next that opens it are noticed; the next gets the backlog', async (context) => {
  const chardev = await open(context, 8);
  const events: string[] = [];
  chardev.onOpen = () => events.push('open');
  chardev.onClose = () => events.push('close');
  closeSync(openTerminal(chardev));
  await waitFor(() => !chardev.isOpen, { what: 'the terminal to be closed' });
  chardev.write(Buffer.from('this is too long'));
  const terminal = openTerminal(chardev);
  await waitFor(() => chardev.isOpen, { what: 'the terminal to be opened' });
  await waitFor(() => hear(terminal) === 'too long', { what: 'the backlog' });
  assert.equal(events, ['close', 'open']);
  closeSync(terminal);
});

test.run();

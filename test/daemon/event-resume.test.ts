/** Subscribers come back to the next daemon after `kill -9`, with their filters: nothing is lost, nothing comes twice. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor, within } from '../helpers/wait.js';
import { type EventReader, EventSourceReader, type Told, WebSocketReader } from './event-readers.js';
import { type Folders, makeFolders, tearDown } from './fixture.js';
import { MortalDaemon } from './mortal-daemon.js';

interface Context {
  folders: Folders;
  daemon: MortalDaemon;
  socketPath: string;
}

interface EventPage {
  readonly events: readonly Told[];
  readonly last: number;
  readonly next: string | null;
}

const DAEMONS = 3;
const test = suite<Context>('events across daemons');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.daemon = new MortalDaemon(context.folders);
  context.socketPath = `${context.folders.runtimeDir}/batond.sock`;
});

test.after.each(async ({ folders, daemon }) => {
  await daemon.stop();
  await tearDown(folders, null);
});

type Open = (path: string, query: string, after: number) => Promise<EventReader>;

const OPEN: Record<string, Open> = {
  websocket: (path, query, after) => WebSocketReader.open(path, `?after=${after}&${query}`),
  'server-sent events': (path, query, after) =>
    EventSourceReader.open(path, `?${query}`, { 'last-event-id': String(after) }),
};

async function history({ daemon }: Context, query: string): Promise<Told[]> {
  const told: Told[] = [];
  let after: string | null = '0';
  while (after !== null) {
    const page: EventPage = await daemon.client.get<EventPage>(`/v1/events?after=${after}&${query}`);
    told.push(...page.events);
    after = page.next;
  }
  return told;
}

/** Starts and stops a machine until the reader has seen some of it. */
async function makeEvents({ daemon }: Context, machines: readonly string[]): Promise<void> {
  for (const machine of machines) {
    await daemon.client.perform(`/v1/machines/${machine}/start`);
    await daemon.client.perform(`/v1/machines/${machine}/kill`);
  }
}

for (const [name, open] of Object.entries(OPEN)) {
  for (const filter of ['', 'type=baton.machine.*,baton.instance.ended&machine=one']) {
    test(`${name}${filter === '' ? '' : ', filtered'}: the sequence is whole across kills`, async (context) => {
      const { daemon, socketPath, folders } = context;
      const seen: Told[] = [];
      let reached = 0;
      for (let round = 0; round < DAEMONS; round += 1) {
        await daemon.start();
        if (round === 0) {
          for (const machine of ['one', 'two']) {
            const document = { name: machine, memoryMiB: 32, kernel: folders.kernel };
            await daemon.client.post('/v1/machines', document);
          }
        }
        const reader = await open(socketPath, filter, reached);
        const made = makeEvents(context, ['one', 'two']).then(
          () => null,
          (error: Error) => error,
        );
        await waitFor(() => reader.events.length > 3, { what: 'some events' });
        /* In the middle of it all in the first rounds. */
        if (round === DAEMONS - 1) {
          assert.is(await made, null);
          const all = await history(context, filter);
          await waitFor(() => seen.length + reader.events.length >= all.length, { what: 'the last of them' });
          reader.stop();
        } else {
          await daemon.kill();
          await within(made, 20_000, 'requests to fail');
        }
        seen.push(...reader.events);
        reached = reader.reached ?? reached;
      }
      assert.equal(seen, await history(context, filter));
      const sequences = seen.map(({ seq }) => seq);
      assert.equal(
        sequences,
        [...new Set(sequences)].sort((left, right) => left - right),
      );
      if (filter === '') assert.is(sequences.at(-1), sequences.length);
    });
  }
}

test.run();

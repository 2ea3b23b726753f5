/**
 * A pseudoterminal as a chardev: ours is one side, programs open the other by its path. In the CPR modes it goes with
 * the guest, with its path.
 *
 * The kernel says when the last program has closed the terminal, but not when the next one opens it: that is looked
 * for. What the guest prints before the first one opens it waits in the terminal itself.
 */
import { closeFd, openPty, POLLHUP, ptyPath, readyEvents } from '../../native/index.js';
import type { CarriedDescriptor, CarryOutcome } from '../carried.js';
import type { StatefulPart } from '../state/description.js';
import type { Chardev, ChardevSettings } from './chardev.js';
import { type ChardevState, describeChardev } from './chardev-state.js';
import { HandOver } from './hand-over.js';
import type { LogFile } from './log-file.js';
import { Peer } from './peer.js';

/** A person does not notice; a guest without a terminal costs four looks a second. */
const LOOK_MS = 250;

export class PtyChardev implements Chardev {
  readonly id: string;
  readonly terminal: string;
  readonly part: StatefulPart<ChardevState>;
  onReadable: () => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #log: LogFile | null;
  readonly #peer: Peer;
  readonly #handOver: HandOver;
  readonly #fd: number;
  #look: NodeJS.Timeout | null = null;

  constructor(id: string, log: LogFile | null, { backlogBytes, awaitsGuest, received }: ChardevSettings) {
    this.id = id;
    this.#log = log;
    this.#handOver = new HandOver(awaitsGuest);
    this.#peer = new Peer(backlogBytes, { onReadable: () => this.onReadable(), onGone: () => this.#lost() });
    this.#fd = received.take(`chardev/${id}/pty`) ?? openPty();
    this.terminal = ptyPath(this.#fd);
    this.part = {
      ...{ description: describeChardev(id), instanceId: 0 },
      save: () => (this.#handOver.isCarrying ? this.#peer.save() : null),
      load: (state) => this.#peer.load(state),
    };
    if (this.#isOpened()) this.#peer.attach(this.#fd);
    else this.#lookLater();
    this.#settle();
  }

  get isOpen(): boolean {
    return this.#peer.isConnected;
  }

  get room(): number {
    return this.#peer.room;
  }

  write(bytes: Uint8Array): boolean {
    this.#log?.write(bytes);
    return this.#peer.write(bytes);
  }

  read(maxBytes: number): Uint8Array {
    return this.#peer.read(maxBytes);
  }

  setReading(reading: boolean): void {
    this.#peer.setReading(reading);
  }

  carry(): readonly CarriedDescriptor[] {
    this.#handOver.carry();
    this.#settle();
    const name = (what: string) => `chardev/${this.id}/${what}`;
    const pty = { name: name('pty'), id: 0, fd: this.#fd };
    return this.#log === null ? [pty] : [pty, { name: name('log'), id: 0, fd: this.#log.fd }];
  }

  carried(outcome: CarryOutcome): void {
    this.#handOver.carried(outcome);
    this.#settle();
  }

  guestRuns(runs: boolean): void {
    this.#handOver.guestRuns(runs);
    this.#settle();
  }

  async close(): Promise<void> {
    if (this.#look !== null) clearTimeout(this.#look);
    await this.#peer.flush();
    this.#peer.release();
    closeFd(this.#fd);
    this.#log?.close();
  }

  #isOpened(): boolean {
    return (readyEvents(this.#fd, 0) & POLLHUP) === 0;
  }

  #settle(): void {
    this.#peer.setQuiet(this.#handOver.isQuiet);
  }

  #lost(): void {
    this.#peer.release();
    this.#lookLater();
    this.onClose();
  }

  #lookLater(): void {
    this.#look = setTimeout(() => {
      this.#look = null;
      if (!this.#isOpened()) {
        this.#lookLater();
        return;
      }
      this.#peer.attach(this.#fd);
      this.onOpen();
    }, LOOK_MS);
  }
}

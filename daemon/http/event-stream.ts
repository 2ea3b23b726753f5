/**
 * One subscriber, over whatever transport: what it has missed, then what happens, in order, each once, as far as its
 * filter lets it. The reader decides the pace: while it has much unread, nothing more is written for it; one that stays
 * so is told and cut. A reader that is not sent everything is told now and then how far it has come, so that it resumes
 * there.
 */
import { BatonError } from '../errors.js';
import type { Matches } from '../event-filter.js';
import type { DropReason, EventFeed, EventLimits, FeedReader, Frame, TransportName } from './event-feed.js';

const PAGE = 256;
const RETRY_MS = 10;

export interface EventTransport {
  readonly name: TransportName;
  /** What was written and not taken by the kernel. */
  readonly unreadBytes: number;
  send(frame: Frame): void;
  /** It has seen all that it wants up to there. */
  sendReached(seq: number): void;
  /** Something for the reader to hear. False: it did not answer the last one. */
  beat(): boolean;
  /** Says why, and hangs up. */
  refuse(error: BatonError): void;
  /** Hangs up, as the daemon stops. */
  sendAway(): void;
  /** For a peer that takes nothing. */
  destroy(): void;
  onClosed(heard: () => void): void;
}

export interface EventStreamOptions {
  /** Null: from now on. */
  readonly after: number | null;
  /** Null: everything. */
  readonly matches: Matches | null;
}

export class EventStream implements FeedReader {
  readonly #feed: EventFeed;
  readonly #transport: EventTransport;
  readonly #limits: EventLimits;
  readonly #matches: Matches | null;
  readonly #heartbeat: NodeJS.Timeout;
  /** All that it wants up to here was sent. */
  #seenSeq: number;
  /** What the reader itself knows of that; null: nothing yet. */
  #toldSeq: number | null;
  #hasBegun = false;
  #hasCaughtUp = false;
  #retry: NodeJS.Timeout | null = null;
  #behindSinceMs: number | null = null;
  #isClosed = false;

  constructor(feed: EventFeed, transport: EventTransport, { after, matches }: EventStreamOptions) {
    this.#feed = feed;
    this.#transport = transport;
    this.#limits = feed.limits;
    this.#matches = matches;
    this.#seenSeq = after ?? feed.last;
    this.#toldSeq = after;
    this.#heartbeat = setInterval(() => this.#beat(), feed.limits.heartbeatMs).unref();
    transport.onClosed(() => this.#end());
    feed.add(this);
  }

  get transport(): TransportName {
    return this.#transport.name;
  }

  pump(): void {
    if (this.#isClosed || this.#retry !== null) return;
    if (this.#isBehind()) {
      this.#waitForReader();
      return;
    }
    this.#behindSinceMs = null;
    try {
      this.#begin();
      this.#sendPage();
    } catch (error) {
      if (!(error instanceof BatonError)) throw error;
      this.#drop('refused', error);
    }
  }

  refuse(error: BatonError): void {
    if (this.#isClosed) return;
    this.#end();
    this.#transport.refuse(error);
    /* A peer that reads nothing does not answer the end either. */
    setTimeout(() => this.#transport.destroy(), this.#limits.slowReaderDeadlineMs).unref();
  }

  sendAway(): void {
    this.pump();
    if (this.#isClosed) return;
    this.#tellReached();
    this.#end();
    this.#transport.sendAway();
  }

  /** The newest events may still be here when they are gone from the store: asked for, they are gone all the same. */
  #begin(): void {
    if (this.#hasBegun) return;
    this.#feed.require(this.#seenSeq);
    this.#hasBegun = true;
  }

  #sendPage(): void {
    const before = this.#seenSeq;
    const { frames, reached } = this.#feed.after(before, PAGE, this.#matches);
    for (const frame of frames) {
      if (this.#isBehind()) {
        this.#feed.wake(this);
        return;
      }
      this.#transport.send(frame);
      this.#seenSeq = frame.seq;
      this.#toldSeq = frame.seq;
    }
    this.#seenSeq = reached;
    if (reached > before) this.#feed.wake(this);
    else this.#catchUp();
  }

  /** Who has a filter cannot tell otherwise that nothing more is to come for now. */
  #catchUp(): void {
    if (this.#hasCaughtUp) return;
    this.#hasCaughtUp = true;
    if (this.#matches !== null) this.#tellReached();
  }

  #tellReached(): void {
    if (this.#toldSeq === this.#seenSeq) return;
    this.#transport.sendReached(this.#seenSeq);
    this.#toldSeq = this.#seenSeq;
  }

  #beat(): void {
    if (this.#isBehind()) return;
    this.#tellReached();
    if (this.#transport.beat()) return;
    this.#feed.countDrop(this.transport, 'dead');
    this.#end();
    this.#transport.destroy();
  }

  #isBehind(): boolean {
    return this.#transport.unreadBytes > this.#limits.maxUnreadBytes;
  }

  #waitForReader(): void {
    const { maxUnreadBytes, slowReaderDeadlineMs } = this.#limits;
    this.#behindSinceMs ??= performance.now();
    if (performance.now() - this.#behindSinceMs > slowReaderDeadlineMs) {
      const message = `more than ${maxUnreadBytes} bytes were unread for ${slowReaderDeadlineMs} ms: connect again with after= the last sequence read`;
      this.#drop('slow', new BatonError('slow_reader', message));
      return;
    }
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#feed.wake(this);
    }, RETRY_MS);
  }

  #drop(reason: DropReason, error: BatonError): void {
    this.#feed.countDrop(this.transport, reason);
    this.refuse(error);
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#feed.remove(this);
    clearInterval(this.#heartbeat);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }
}

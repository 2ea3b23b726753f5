/**
 * Output into a file, and input from a pipe with a name if there is one. Without a file it is the null device,
 * which only has a log. The pipe is opened for writing too: so opening waits for nobody, and its end never comes,
 * whoever writes and goes.
 */
import { constants } from 'node:fs';
import { closeFd } from '../../native/index.js';
import type { CarriedDescriptor, CarriedDescriptors, CarryOutcome } from '../carried.js';
import { DescriptorStream } from '../descriptor-stream.js';
import { openPath } from '../descriptors/open-path.js';
import type { Chardev, ChardevSettings } from './chardev.js';
import { HandOver } from './hand-over.js';
import type { LogFile } from './log-file.js';
import { writeFully } from './log-file.js';
import { type OutputFileOptions, openOutput, takeSame } from './output-file.js';

const NOTHING = new Uint8Array(0);

export class FileChardev implements Chardev {
  readonly id: string;
  readonly isOpen = true;
  readonly room = Number.POSITIVE_INFINITY;
  readonly terminal = null;
  readonly part = null;
  onReadable: () => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #log: LogFile | null;
  readonly #input: DescriptorStream | null;
  readonly #handOver: HandOver;
  #fd: number | null;

  constructor(
    id: string,
    file: OutputFileOptions | null,
    inputPath: string | null,
    log: LogFile | null,
    { awaitsGuest, received }: Pick<ChardevSettings, 'awaitsGuest' | 'received'>,
  ) {
    this.id = id;
    this.#log = log;
    this.#handOver = new HandOver(awaitsGuest);
    this.#fd = file && openOutput(file, received, `chardev/${id}/file`);
    this.#input = inputPath === null ? null : openInput(inputPath, received, `chardev/${id}/input`);
    if (this.#input !== null) this.#input.onReadable = () => this.onReadable();
    this.#settle();
  }

  write(bytes: Uint8Array): boolean {
    this.#log?.write(bytes);
    if (this.#fd === null) return true;
    try {
      writeFully(this.#fd, bytes);
      return true;
    } catch {
      return false;
    }
  }

  read(maxBytes: number): Uint8Array {
    return this.#input?.read(maxBytes) ?? NOTHING;
  }

  setReading(reading: boolean): void {
    this.#input?.setReading(reading);
  }

  carry(): readonly CarriedDescriptor[] {
    this.#handOver.carry();
    this.#settle();
    const name = (what: string) => `chardev/${this.id}/${what}`;
    return [
      ...(this.#fd === null ? [] : [{ name: name('file'), id: 0, fd: this.#fd }]),
      ...(this.#input === null ? [] : [{ name: name('input'), id: 0, fd: this.#input.fd }]),
      ...(this.#log === null ? [] : [{ name: name('log'), id: 0, fd: this.#log.fd }]),
    ];
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
    this.#input?.close();
    if (this.#fd !== null) closeFd(this.#fd);
    this.#fd = null;
    this.#log?.close();
  }

  #settle(): void {
    this.#input?.setQuiet(this.#handOver.isQuiet);
  }
}

function openInput(path: string, received: CarriedDescriptors, name: string): DescriptorStream {
  const flags = constants.O_RDWR | constants.O_NONBLOCK;
  return new DescriptorStream(takeSame(path, received, name) ?? openPath(path, flags), { limitBytes: 0 });
}

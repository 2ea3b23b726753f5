/**
 * Input from a pipe with a name, byte by byte, and no byte before it is wanted: what the guest has no room for stays
 * in the pipe, where whoever hands the guest over can take it back. It is opened for writing too: so opening waits
 * for nobody, and its end never comes, whoever writes and goes.
 */
import { constants, openSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

export class PipeInput {
  readonly #socket: Socket;
  #isReading = true;

  constructor(path: string, onByte: (bytes: Uint8Array) => void) {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const callback = (_length: number, buffer: Uint8Array) => {
      onByte(Uint8Array.from(buffer));
      return this.#isReading;
    };
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd,
      readable: true,
      writable: false,
      onread: { buffer: Buffer.alloc(1), callback },
    };
    this.#socket = new Socket(options);
    this.#socket.on('error', () => {}); // input that cannot be read leaves a port that only prints
  }

  setReading(reading: boolean): void {
    if (reading === this.#isReading) return;
    this.#isReading = reading;
    if (reading) this.#socket.resume();
    else this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }
}

import type { QmpErrorClass } from './protocol.js';

/** An error that a command answers with. The message is the `desc` a client sees. */
export class QmpError extends Error {
  readonly class: QmpErrorClass;

  constructor(message: string, errorClass: QmpErrorClass = 'GenericError', options?: ErrorOptions) {
    super(message, options);
    this.name = 'QmpError';
    this.class = errorClass;
  }
}

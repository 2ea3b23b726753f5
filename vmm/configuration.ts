/**
 * What the VM is made of now: at first its command line's options, and after each change by a monitor other ones as a
 * whole. Whoever shows something of the VM looks here at that moment.
 */
import type { VmmOptions } from './options/options.js';

export class Configuration {
  #options: VmmOptions;

  constructor(options: VmmOptions) {
    this.#options = options;
  }

  get options(): VmmOptions {
    return this.#options;
  }

  /** `changed`: what is another one from now on. */
  replace(changed: Partial<VmmOptions>): void {
    this.#options = { ...this.#options, ...changed };
  }
}

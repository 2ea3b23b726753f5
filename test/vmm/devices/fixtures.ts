/** What devices are built on in tests, and devices that are restored before each access. */
import type {
  AccessWidth,
  Clock,
  GuestErrors,
  IrqLine,
  MmioDevice,
  StatefulDevice,
} from '../../../vmm/devices/device.js';
import { decodeSections, encodeSections } from '../../../vmm/state/codec.js';
import type { StateDescription } from '../../../vmm/state/description.js';

export class FakeLine implements IrqLine {
  level = false;

  set(level: boolean): void {
    this.level = level;
  }
}

export class FakeClock implements Clock {
  virtualNs = 0;
  wallMs = 1_700_000_000_000;

  nowNs(): number {
    return this.virtualNs;
  }

  wallSeconds(): number {
    return Math.floor(this.wallMs / 1000);
  }

  wallNanoseconds(): number {
    return (this.wallMs % 1000) * 1_000_000;
  }

  advanceMs(ms: number): void {
    this.virtualNs += ms * 1_000_000;
    this.wallMs += ms;
  }
}

export class FakeErrors implements GuestErrors {
  readonly seen: string[] = [];

  invalidRead(device: string, offset: number): void {
    this.seen.push(`read ${device} ${offset.toString(16)}`);
  }

  invalidWrite(device: string, offset: number, value: number): void {
    this.seen.push(`write ${device} ${offset.toString(16)} ${value.toString(16)}`);
  }
}

/** The state as it is after a migration stream. */
export function throughStream<S>(description: StateDescription<S>, state: S): S {
  const section = { description: description as StateDescription<unknown>, instanceId: 0 };
  const { bytes } = encodeSections([{ ...section, state }]);
  return decodeSections(bytes, [section]).get(description.name) as S;
}

export type Stateful<S> = MmioDevice & StatefulDevice<S>;

/** How a test gets its device: the same one all along, or another one, restored, for each access. */
export interface Maker {
  readonly name: string;
  make<S, D extends Stateful<S>>(
    description: StateDescription<S>,
    build: (state: S) => D,
    reset?: S,
  ): Held<D>;
}

export interface Held<D> extends MmioDevice {
  /** The device as it is now. */
  readonly device: D;
}

export const MAKERS: readonly Maker[] = [
  {
    name: 'fresh',
    make: (description, build, reset = description.reset) => {
      const device = build(reset);
      return {
        device,
        read: (offset, width) => device.read(offset, width),
        write: (offset, width, value) => device.write(offset, width, value),
      };
    },
  },
  {
    name: 'restored before each access',
    make: (description, build, reset = description.reset) => {
      let device = build(reset);
      const restore = () => {
        device = build(throughStream(description, device.save()));
        return device;
      };
      return {
        get device() {
          return restore();
        },
        read: (offset, width: AccessWidth) => restore().read(offset, width),
        write: (offset, width: AccessWidth, value) => restore().write(offset, width, value),
      };
    },
  },
];

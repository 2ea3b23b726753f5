/** Messages between a machine worker and whoever asks it. Every request has exactly one reply. */
import type { BlockIoReport, ResizeRequest } from '../block/block-layer.js';
import type { DisksDescription } from '../block/describe.js';
import type { CarriedDescriptor, CarryGroup, CarryOutcome } from '../carried.js';
import type { CpuState } from '../cpu/state.js';
import type { NetworkEvent, NetworkReport, NetworkRequest } from '../net/report.js';
import type { VmmOptions } from '../options/options.js';
import type { Becoming, Change } from './change.js';
import type { DeviceEvent } from './device-event.js';
import type { DeviceQuestion } from './device-question.js';
import type { MachineHandle, SavedMachine, ShutdownCause } from './handle.js';

/** What a worker's own thread is started with. */
export interface WorkerStart {
  /** A guest stands until the machine runs. */
  readonly isAwaited: boolean;
}

/** The first message to it: what to build. */
export interface WorkerSettings {
  readonly options: VmmOptions;
  readonly memory: WebAssembly.Memory;
  readonly sizeBytes: number;
  /** What RAM is a shared mapping of; `null`: it is private. */
  readonly ramFd: number | null;
  readonly incoming: boolean;
  /** What came with the guest for its backends; the worker's from here on. */
  readonly received: readonly CarriedDescriptor[];
}

export type Request =
  | {
      readonly command:
        | 'start'
        | 'stop'
        | 'reset'
        | 'powerdown'
        | 'rehearse'
        | 'registers'
        | 'open-backends'
        | 'leave'
        | 'activate'
        | 'disks'
        | 'close';
    }
  | { readonly command: 'carry'; readonly group: CarryGroup }
  | { readonly command: 'carried'; readonly outcome: CarryOutcome }
  | { readonly command: 'inactivate'; readonly ours: boolean }
  | { readonly command: 'resize-disk'; readonly resize: ResizeRequest }
  | { readonly command: 'ask'; readonly slot: number; readonly question: DeviceQuestion }
  | { readonly command: 'network'; readonly network: NetworkRequest }
  | { readonly command: 'change'; readonly change: Change; readonly becoming: Becoming }
  | { readonly command: 'save'; readonly handOver: boolean }
  | ({ readonly command: 'load' } & LoadRequest);

export interface LoadRequest {
  readonly sections: Uint8Array;
  readonly activate: boolean;
  /** What came late; the worker's from here on. */
  readonly received: readonly CarriedDescriptor[];
}

/** What a request is answered with; most have nothing to say. */
export type Result =
  | SavedMachine
  | CpuState
  | NetworkReport
  | readonly CarriedDescriptor[]
  | DisksDescription
  | Answer
  | null;

/** Of a device. */
export interface Answer {
  readonly answer: unknown;
}

export interface NumberedRequest {
  readonly id: number;
  readonly request: Request;
}

/** Errors cross as words: classes do not survive the way. */
export interface ErrorInWords {
  readonly name: string;
  readonly message: string;
}

export type WorkerMessage =
  | { readonly kind: 'ready'; readonly terminals: MachineHandle['terminals'] }
  | { readonly kind: 'not-ready'; readonly error: ErrorInWords }
  | { readonly kind: 'reply'; readonly id: number; readonly result: Result }
  | { readonly kind: 'refusal'; readonly id: number; readonly error: ErrorInWords }
  | { readonly kind: 'shutdown'; readonly cause: ShutdownCause; readonly exitCode: number }
  | { readonly kind: 'reset'; readonly cause: ShutdownCause }
  | { readonly kind: 'block-io-error'; readonly report: BlockIoReport; readonly isStopped: boolean }
  | { readonly kind: 'network'; readonly event: NetworkEvent }
  | { readonly kind: 'failed'; readonly error: ErrorInWords }
  | { readonly kind: 'device-event'; readonly event: DeviceEvent };

export function inWords(error: unknown): ErrorInWords {
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: 'Error', message: String(error) };
}

export function fromWords({ name, message }: ErrorInWords): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

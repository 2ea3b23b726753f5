/**
 * The main channel of a migration, a QEMU migration stream:
 *
 *     u32 magic 'QEVM'  u32 version 3
 *     0x07 configuration: u32 length + machine type; a subsection lists capabilities that both must have
 *     0x08 u16 command u16 length …    open return path, ping: only when the source wants an answer
 *     0x01 section 'ram': its blocks by name and size
 *     0x03 section 'ram' again: its pages, none when the target has the descriptor or the file; see `ram-pages.ts`
 *     0x04 section 'local-descriptors': only with parameter `local`; see `local-section.ts`
 *     0x04 section 'globalstate': what the VM did before it was stopped
 *     0x04 sections of the devices (state/codec.ts)
 *     0x00 end
 *     0x06 u32 length + JSON description of all sections
 *
 * A target knows that it has everything, without understanding the sections, when it has found the end mark
 * and the description from behind, or when the source ends its side of the connection. Decoding trusts nothing; errors are `StreamError`s.
 */
import type { RunState } from '../run-state.js';
import type { StateDescription } from '../state/description.js';

/** The only machine there is, by QEMU's name. */
export const MACHINE_TYPE = 'virt';
export const STREAM_MAGIC = 0x5145564d;
export const STREAM_VERSION = 3;
export const COMMAND_OPEN_RETURN_PATH = 1;
export const COMMAND_PING = 2;
export const RAM = { id: 2, name: 'ram', version: 4 } as const;
export const RAM_FLAG_ZERO = 0x02n;
export const RAM_FLAG_SIZE = 0x04n;
export const RAM_FLAG_PAGE = 0x08n;
export const RAM_FLAG_END = 0x10n;
export const RAM_FLAG_CONTINUE = 0x20n;
export const PAGE_BYTES = 4096;
export const CAPABILITIES_SUBSECTION = 'configuration/capabilities';
/** With it, RAM that is a shared file is not in the stream. */
export const IGNORE_SHARED = 'x-ignore-shared';
export const GLOBAL_STATE_ID = 1;
export const LOCAL_DESCRIPTORS_ID = 0;
export const RUN_STATE_BYTES = 100;
/** The states in which a source can be when it is asked to hand over. */
export const CARRIED_STATES: readonly RunState[] = ['running', 'paused', 'prelaunch', 'io-error', 'shutdown'];

/** What both sides must agree on. */
export interface StreamSubject {
  readonly machineType: string;
  readonly ram: { readonly name: string; readonly sizeBytes: number };
  readonly ignoreShared: boolean;
  /** Descriptors come in the stream. */
  readonly local?: boolean;
}

export interface GlobalState {
  readonly size: number;
  readonly runstate: Uint8Array;
}

export const GLOBAL_STATE: StateDescription<GlobalState> = {
  name: 'globalstate',
  version: 1,
  minimumVersion: 1,
  fields: [
    { name: 'size', type: 'uint32' },
    { name: 'runstate', type: 'buffer', count: RUN_STATE_BYTES },
  ],
  reset: { size: 0, runstate: new Uint8Array(RUN_STATE_BYTES) },
};

/** Bytes of that section on the wire, mark and footer included: it has no subsections. */
export const GLOBAL_STATE_BYTES = 1 + 4 + 1 + GLOBAL_STATE.name.length + 4 + 4 + 4 + RUN_STATE_BYTES + 1 + 4;

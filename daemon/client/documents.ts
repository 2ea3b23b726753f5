/**
 * The documents of the REST interface as types. They are those of its schemas (`daemon/http/*-schemas.ts`), by imports
 * that vanish when compiled: a client loads no schema and no server.
 */
import type { Static } from 'typebox';
import type * as audits from '../http/audit-schemas.js';
import type * as builds from '../http/build-schemas.js';
import type * as common from '../http/common-schemas.js';
import type * as events from '../http/event-schemas.js';
import type * as guests from '../http/guest-schemas.js';
import type * as hosts from '../http/host-schemas.js';
import type * as machines from '../http/machine-schemas.js';
import type * as operations from '../http/operation-schemas.js';
import type * as tokens from '../http/token-schemas.js';
import type * as upgrades from '../http/upgrade-schemas.js';

export type Problem = Static<typeof common.Problem>;

export type Machine = Static<typeof machines.MachineView>;
export type NewMachine = Static<typeof machines.NewMachine>;
export type MachineChange = Readonly<Record<string, unknown>>;
export type MachineBuilds = Static<typeof machines.MachineBuildsBody>;
export type Adoption = Static<typeof machines.AdoptBody>;
export type Instance = Static<typeof machines.InstanceView>;

export type Build = Static<typeof builds.BuildView>;
export type NewBuild = Static<typeof builds.NewBuild>;

export type Operation = Static<typeof operations.OperationView>;
export type HostAnswer = Static<typeof operations.HostAnswer>;

export type Upgrade = Static<typeof upgrades.UpgradeView>;
export type UpgradeRequest = Static<typeof upgrades.UpgradeBody>;
export type PreflightRequest = Static<typeof upgrades.PreflightBody>;
export type Preflight = Static<typeof upgrades.PreflightView>;

export type Event = Static<typeof events.EventView>;

export type Guest = Static<typeof guests.GuestView>;
export type FrozenGuest = Static<typeof guests.FrozenGuestView>;

export type HostInformation = Static<typeof hosts.HostView>;
export type HostValidation = Static<typeof hosts.HostValidation>;

export type Token = Static<typeof tokens.TokenView>;
export type NewToken = Static<typeof tokens.NewToken>;
export type CreatedToken = Static<typeof tokens.CreatedToken>;

export type AuditEntry = Static<typeof audits.AuditEntryView>;
export type AuditVerdict = Static<typeof audits.AuditVerdictView>;

/** Whom the daemon takes a client for. */
export interface Whoami {
  readonly name: string;
  readonly via: string;
  readonly role: string;
}

export interface Root {
  readonly name: string;
  readonly version: string;
  readonly abilities: readonly string[];
  readonly modes: readonly string[];
}

/** One page of a list. `next`: the cursor of the page after it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

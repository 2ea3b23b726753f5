/** All commands, by name. A command's module is loaded when it is called, or when all are explained. */
import type { CommandSpec } from '../command.js';

export type Loader = () => Promise<CommandSpec>;

export interface Group {
  readonly summary: string;
  readonly commands: Readonly<Record<string, Loader>>;
}

export const TREE: Readonly<Record<string, Group | Loader>> = {
  machine: {
    summary: 'Machines: what they are, and what they do',
    commands: {
      list: async () => (await import('./machine/list.js')).command,
      show: async () => (await import('./machine/show.js')).command,
      create: async () => (await import('./machine/create.js')).command,
      edit: async () => (await import('./machine/edit.js')).command,
      start: async () => (await import('./machine/start.js')).command,
      stop: async () => (await import('./machine/stop.js')).command,
      kill: async () => (await import('./machine/kill.js')).command,
      pause: async () => (await import('./machine/pause.js')).command,
      resume: async () => (await import('./machine/resume.js')).command,
      suspend: async () => (await import('./machine/suspend.js')).command,
      restore: async () => (await import('./machine/restore.js')).command,
      discard: async () => (await import('./machine/discard.js')).command,
      delete: async () => (await import('./machine/delete.js')).command,
      console: async () => (await import('./machine/console.js')).command,
      logs: async () => (await import('./machine/logs.js')).command,
      guest: async () => (await import('./machine/guest.js')).command,
      adopt: async () => (await import('./machine/adopt.js')).command,
      release: async () => (await import('./machine/release.js')).command,
    },
  },
  build: {
    summary: 'Builds: the VMM binaries that machines run on',
    commands: {
      add: async () => (await import('./build/add.js')).command,
      list: async () => (await import('./build/list.js')).command,
      show: async () => (await import('./build/show.js')).command,
      pin: async () => (await import('./build/pin.js')).command,
      remove: async () => (await import('./build/remove.js')).command,
    },
  },
  preflight: async () => (await import('./preflight.js')).command,
  upgrade: {
    summary: 'Upgrades: moving a running machine to another VMM process',
    commands: {
      start: async () => (await import('./upgrade/start.js')).command,
      watch: async () => (await import('./upgrade/watch.js')).command,
      cancel: async () => (await import('./upgrade/cancel.js')).command,
      list: async () => (await import('./upgrade/list.js')).command,
      show: async () => (await import('./upgrade/show.js')).command,
    },
  },
  operation: {
    summary: 'Operations: what was asked for, and how it went',
    commands: {
      list: async () => (await import('./operation/list.js')).command,
      show: async () => (await import('./operation/show.js')).command,
      cancel: async () => (await import('./operation/cancel.js')).command,
      wait: async () => (await import('./operation/wait.js')).command,
    },
  },
  event: {
    summary: 'Events: what happens, numbered without gaps',
    commands: {
      watch: async () => (await import('./event/watch.js')).command,
    },
  },
  host: {
    summary: 'The host and its daemon',
    commands: {
      info: async () => (await import('./host/info.js')).command,
      validate: async () => (await import('./host/validate.js')).command,
      suspend: async () => (await import('./host/suspend.js')).command,
      restore: async () => (await import('./host/restore.js')).command,
      shutdown: async () => (await import('./host/shutdown.js')).command,
      boot: async () => (await import('./host/boot.js')).command,
    },
  },
  token: {
    summary: 'Access tokens',
    commands: {
      create: async () => (await import('./token/create.js')).command,
      list: async () => (await import('./token/list.js')).command,
      revoke: async () => (await import('./token/revoke.js')).command,
    },
  },
  audit: {
    summary: 'The audit log: who asked for what',
    commands: {
      list: async () => (await import('./audit/list.js')).command,
      verify: async () => (await import('./audit/verify.js')).command,
      export: async () => (await import('./audit/export.js')).command,
    },
  },
  query: async () => (await import('./query.js')).command,
  completion: async () => (await import('./completion.js')).command,
  __complete: async () => (await import('./complete.js')).command,
};

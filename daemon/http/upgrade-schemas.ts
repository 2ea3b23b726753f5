/** Upgrades, and what preflight says of one. */
import { Type } from 'typebox';
import { FORCIBLE_CODES, SEVERITIES, VERDICTS } from '../preflight/finding.js';
import { GUEST_ACT_RESULTS, GUEST_ACTS, UPGRADE_MODES, UPGRADE_STATES } from '../upgrade.js';
import { dryRunMember } from './dry-run.js';
import { pageQuery, wordList } from './paging.js';
import {
  integerOrNull,
  named,
  nullable,
  numberOrNull,
  strict,
  textOrNull,
  time,
  words,
} from './schema-words.js';
import { waitMember } from './waiting.js';

const Reason = Type.Object({
  code: Type.String({ description: 'For programs' }),
  message: Type.String({ description: 'What happened' }),
  remedy: Type.String({ description: 'What to do' }),
  step: textOrNull('The step that could not be done'),
  vmmOutput: Type.Array(Type.String(), { description: 'The last lines that the target wrote to its stderr' }),
});

const FindingView = named(
  'Finding',
  Type.Object({
    code: Type.String({ description: 'For programs; never changes its meaning' }),
    severity: words(SEVERITIES, 'block: it cannot go or must not; warn: it may go back; info: worth knowing'),
    sentence: Type.String({ description: 'What was found' }),
    remedy: Type.String({ description: 'What to do about it' }),
  }),
);

const Phase = Type.Object({
  name: Type.String({ description: 'The step' }),
  startedAt: time('When its intent was written'),
  result: nullable(
    words(['done', 'failed', 'undone', 'undo-failed'] as const, 'How it ended'),
    'null: under way',
  ),
  durationMs: numberOrNull('How long the act took, in milliseconds'),
});

const GuestActView = Type.Object({
  act: words(GUEST_ACTS, 'What it was asked for'),
  result: nullable(
    words(GUEST_ACT_RESULTS, 'failed: not done, or not known; skipped: no need, or nothing to do it with'),
    'null: it is being asked',
  ),
  detail: textOrNull('Why it was not done'),
  at: time('When it was asked for'),
  durationMs: numberOrNull('How long that took, in milliseconds; null: it was not asked'),
});

export const UpgradeView = named(
  'Upgrade',
  Type.Object({
    id: Type.String({ description: 'Id, the same as of its operation' }),
    machine: Type.String({ description: 'Id of the machine' }),
    operation: Type.String({ description: 'Path of its operation' }),
    mode: words(UPGRADE_MODES, 'How the guest is moved'),
    modeReason: Type.String({ description: 'Why this mode' }),
    state: words(UPGRADE_STATES, 'How far it is'),
    committed: Type.Boolean({
      description: 'Whether the point of no return was passed: it cannot be cancelled',
    }),
    sourceGeneration: Type.Integer({ description: 'The instance it leaves' }),
    targetGeneration: Type.Integer({ description: 'The instance it goes to' }),
    restoredGeneration: integerOrNull(
      'The instance it was brought back in, when the one it left was no more',
    ),
    sourceBuild: Type.String({ description: 'The build it leaves' }),
    targetBuild: Type.String({ description: 'The build it goes to' }),
    reason: nullable(Reason, 'Why it did not succeed'),
    findings: Type.Array(FindingView, { description: 'What preflight found, what blocks first' }),
    guest: Type.Object(
      {
        notify: Type.Boolean({ description: 'Whether it was to be told of the pause' }),
        freeze: Type.Boolean({ description: 'Whether its filesystems were to be frozen meanwhile' }),
        reason: textOrNull('What it was to be told; null: the builds and the mode'),
        acts: Type.Array(GuestActView, {
          description: 'What it was asked for; none without a guest agent port',
        }),
      },
      { description: 'What the guest had to do with it; nothing of it is a condition for anything' },
    ),
    pauseMs: numberOrNull(
      "From the source's STOP to the target's RESUME by the VMMs' own clocks, in milliseconds",
    ),
    phases: Type.Array(Phase, { description: 'What was done, in order' }),
    createdAt: time('When it was asked for'),
    finishedAt: textOrNull('When it ended, RFC 3339, UTC'),
  }),
);

export const UpgradesQuery = pageQuery({
  machine: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'Id or name of a machine, also of a deleted one',
    }),
  ),
  state: wordList(UPGRADE_STATES, 'How far they are'),
  mode: wordList(UPGRADE_MODES, 'How the guest is moved'),
  build: Type.Optional(
    Type.String({ minLength: 1, maxLength: 128, description: 'Id of the build that they leave or go to' }),
  ),
});

export const UpgradeQuery = Type.Object({ ...waitMember, ...dryRunMember }, strict);

export const UpgradeBody = named(
  'UpgradeRequest',
  Type.Object(
    {
      build: Type.Optional(
        Type.String({
          maxLength: 128,
          description: 'Id of the build to go to; default: the one that it would start on',
        }),
      ),
      mode: Type.Optional(
        words(['auto', ...UPGRADE_MODES], 'How to move the guest; auto (the default) chooses, and says why'),
      ),
      allowDowntime: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Whether auto may choose cpr-reboot, in which the guest stands still for long',
        }),
      ),
      force: Type.Optional(
        Type.Array(words(FORCIBLE_CODES, 'Code of a finding'), {
          maxItems: FORCIBLE_CODES.length,
          description: 'Findings that shall not block; if they were right, the upgrade goes back',
        }),
      ),
      notifyGuest: Type.Optional(
        Type.Boolean({
          default: true,
          description:
            'Whether the guest is told before it stands still and after, by /etc/baton/notice in it; if its agent answers',
        }),
      ),
      freezeFilesystems: Type.Optional(
        Type.Boolean({
          default: false,
          description: "Whether the guest's filesystems are frozen meanwhile; if its agent answers",
        }),
      ),
      reason: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 200,
          pattern: '^[^\\p{Cc}]+$',
          description: 'What the guest is told; default: the builds and the mode',
        }),
      ),
    },
    { ...strict, description: 'Where to go and how', examples: [{ mode: 'auto', reason: 'a security fix' }] },
  ),
);

export const PreflightBody = named(
  'PreflightRequest',
  Type.Object(
    {
      ...UpgradeBody.properties,
      rehearse: Type.Optional(
        Type.Boolean({
          default: true,
          description: 'Whether to try it with two empty machines of the same shape; the upgrade itself does',
        }),
      ),
    },
    { ...strict, description: 'The upgrade to look at' },
  ),
);

export const PreflightView = named(
  'PreflightReport',
  Type.Object({
    machine: Type.String({ description: 'Id of the machine' }),
    build: Type.String({ description: 'Id of the build it would go to' }),
    mode: textOrNull('How the guest would be moved; null: in no way that could be looked at'),
    modeReason: Type.String({ description: 'Why this mode, and why no better one' }),
    verdict: words(
      VERDICTS,
      "needs-cold-restart: only the machine's own properties are in the way; cannot-upgrade: build, host or moment are",
    ),
    findings: Type.Array(FindingView, { description: 'What was found, what blocks first' }),
  }),
);

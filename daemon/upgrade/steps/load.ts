/**
 * The target takes its state from a file. The guest stands still, so nothing is asked that can wait.
 */
import { EventWatch } from '../../instance/qmp-client.js';
import { askStatus, withWords } from '../loading.js';
import { stateFileOf } from '../rescue.js';
import { loadState, stateDeadlineMs } from '../saving.js';
import { nothingToUndo, type Step, targetOf } from '../step.js';

const DEADLINE_MS = 15_000;

export const load: Step = {
  name: 'load',
  state: 'paused',
  deadlineMs: DEADLINE_MS,
  commits: false,
  async run(context, signal) {
    const target = targetOf(context);
    if (!target.isAnswering) await target.connect({ deadlineMs: DEADLINE_MS, signal });
    const events = new EventWatch(target.qmp);
    context.targetEvents = events;
    try {
      await loadState({ target, events, file: stateFileOf(context) }, signal);
    } catch (error) {
      throw await withWords(error, context);
    }
    askStatus(context, signal);
  },
  /** What the source has become is gone back from by the step that made it so. */
  undo: nothingToUndo,
};

/** Where the state has all of the guest's memory in it. */
export const loadMemory: Step = { ...load, deadlineMs: ({ machine }) => stateDeadlineMs(machine) };

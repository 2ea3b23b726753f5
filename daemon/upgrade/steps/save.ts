/** The source stops the guest and writes it into a file. It stays, stopped, as the way back. */
import { timestampMicros } from '../../../vmm/qmp/protocol.js';
import { EventWatch } from '../../instance/qmp-client.js';
import { fenceTarget, returnToSource } from '../fence.js';
import { withWords } from '../loading.js';
import { stateFileOf } from '../rescue.js';
import { saveState, stateDeadlineMs } from '../saving.js';
import { type Step, sourceOf } from '../step.js';

export const save: Step = {
  name: 'save',
  state: 'transferring',
  deadlineMs: ({ machine }) => stateDeadlineMs(machine),
  commits: false,
  async run(context, signal) {
    const source = sourceOf(context);
    context.holdInput();
    context.sourceEvents?.close();
    const events = new EventWatch(source.qmp);
    context.sourceEvents = events;
    const stopped = async () => {
      if (context.upgrade.wasRunning) {
        const { timestamp } = await events.find(({ event }) => event === 'STOP', signal);
        context.stopAtUs.value = timestampMicros(timestamp);
      }
      context.guestPaused();
    };
    try {
      await saveState({ source, events, file: stateFileOf(context) }, stopped, signal);
    } catch (error) {
      throw await withWords(error, context);
    }
  },
  async undo(context) {
    await returnToSource(context, await fenceTarget(context));
  },
};

import { defineCommand } from '../../command.js';
import { editMachine } from '../../editing.js';
import { machineArgument } from '../../words.js';

export const command = defineCommand({
  summary: 'Change the document of a stopped machine in an editor',
  description:
    'Opens the document of a machine in $VISUAL or $EDITOR, as YAML, and sends what was changed. A change that somebody else made meanwhile is not overwritten. What is refused can be edited again. --timeout does not end it.',
  isInteractive: true,
  args: { machine: machineArgument },
  examples: [
    ['baton machine edit web1', 'in your editor'],
    ["EDITOR='sed -i s/512/1024/' baton machine edit web1", 'by a program'],
  ],
  async run(context, { machine }) {
    await editMachine(context, machine);
  },
});

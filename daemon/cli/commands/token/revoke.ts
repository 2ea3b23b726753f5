import { defineCommand } from '../../command.js';
import { throwFirst } from '../../following.js';
import { many } from '../../words.js';

export const command = defineCommand({
  summary: 'Revoke access tokens',
  description: 'Makes tokens worthless at once, open sessions included.',
  args: { tokens: many('Their ids', { completion: 'tokens' }) },
  examples: [['baton token revoke 0f3a9c1be2d45a77', 'from now on nobody gets in with it']],
  async run(context, { tokens }) {
    const failures: unknown[] = [];
    for (const id of tokens) {
      try {
        await context.client.tokens.revoke(id);
        if (!context.json) context.out.line(`${id} is revoked.`);
      } catch (error) {
        failures.push(error);
      }
    }
    await throwFirst(context, failures);
  },
});

/** A suite that cannot run here says so, with the reason and what would make it run. */
export function skipSuite(suite: string, reason: string): void {
  console.log(`SKIP ${suite}: ${reason}`);
}

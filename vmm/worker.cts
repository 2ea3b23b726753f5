/** Starts the machine's thread from its modules; see baton-vmm.cts. */
import('./machine/thread.js');

#!/usr/bin/env node
/**
 * Starts baton-vmm from its modules. The build writes a faster start in place of what is compiled from this
 * (vmm/build.mjs); it is CommonJS because Node has nothing to get ready for that.
 */
import('./main.js');

/** Name of the file, in the state folder, that says at which moment the daemon under test is to die. */
export const DIE_AT = 'die-at';
/** Name of the file, beside it, to which the daemon under test adds each moment that an upgrade comes to. */
export const TOLD = 'told';

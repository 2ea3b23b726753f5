/** Name of the file, in the state folder, that says at which moment the daemon under test is to die. */
export const DIE_AT = 'die-at';

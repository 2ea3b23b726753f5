/** Where things are below this host. */

export const operationPath = (id: string) => `/v1/operations/${id}`;
export const upgradePath = (id: string) => `/v1/upgrades/${id}`;
export const machinePath = (id: string) => `/v1/machines/${id}`;
export const buildPath = (id: string) => `/v1/builds/${id}`;

/** A failed operation of a disk, as the event BLOCK_IO_ERROR tells of it. */
import { constants } from 'node:os';
import type { BlockIoReport } from '../block/block-layer.js';
import { systemReason } from '../migration/system-reason.js';
import type { QmpEventData } from './protocol.js';

export function blockIoErrorData(report: BlockIoReport): QmpEventData['BLOCK_IO_ERROR'] {
  const { qomPath, device, nodeName, operation, action, noSpace, error } = report;
  const errno = constants.errno[error as keyof typeof constants.errno];
  return {
    ...{ 'qom-path': qomPath, device, 'node-name': nodeName, operation, action },
    ...(noSpace === null ? {} : { nospace: noSpace }),
    reason: systemReason({ errno, message: error }),
  };
}

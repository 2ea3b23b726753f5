/** docs/rest.md lists what there is; the browsable form of it has its files. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Folders, makeFolders, startApp, tearDown } from '../daemon/fixture.js';
import { readDocument, restPage, withRoutes } from './route-table.js';
import { User } from './user.js';

const test = suite('docs/rest.md');

test('its tables are the routes of the OpenAPI document, whole', async () => {
  const folders: Folders = await makeFolders();
  const app = await startApp(folders);
  try {
    const document = await readDocument(app);
    assert.is(restPage(), withRoutes(restPage(), document), 'npm run build:config writes them');
    for (const path of Object.keys(document.paths)) assert.ok(restPage().includes(` ${path}\``), path);
  } finally {
    await tearDown(folders, app);
  }
});

test('batond as it is built serves the page that shows them, with its files', async () => {
  const user = await User.create({ hasDaemon: true });
  try {
    const { body } = await user.get('/docs/');
    const files = [...body.matchAll(/(?:src|href)="\.(\/static\/[^"]+)"/g)].map(([, file]) => file);
    assert.ok(files.length > 3, body);
    for (const file of files) assert.is((await user.get(`/docs${file}`)).status, 200, file);
  } finally {
    await user.leave();
  }
});

test.run();

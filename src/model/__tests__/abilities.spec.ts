import { FakeClient, entry, listing } from '../../__tests__/support/client';
import { trans } from '../../__tests__/support/translation';
import {
  canCreateFolder,
  canDelete,
  canDownload,
  canDropOn,
  canUpload,
  canUseCli,
  isReadOnly,
  readOnlyReason
} from '../abilities';
import { BrowserModel } from '../browser';

async function opened(more: Parameters<typeof listing>[2]) {
  const client = new FakeClient();
  client.pages.set('/data/', [listing('/data/', ['shared/'], more)]);
  const model = new BrowserModel(client);
  await model.start('/data/');
  return model.state;
}

const reason = '/data/ is read-only. You can write inside /data/shared/.';

describe('what can be done', () => {
  it('is nothing in a read-only folder, for the reason of the server', async () => {
    const state = await opened({ mutateProtected: true, uploadProtected: true, reason });
    for (const ability of [
      canUpload(state, trans),
      canCreateFolder(state, trans),
      canDelete(state, [entry('/data/x')], trans)
    ]) {
      expect(ability).toEqual({ allowed: false, reason });
    }
  });

  it('is everything in a writable one, once something is chosen', async () => {
    const state = await opened({});
    expect(canUpload(state, trans).allowed).toBe(true);
    expect(canCreateFolder(state, trans).allowed).toBe(true);
    expect(canDelete(state, [], trans)).toEqual({
      allowed: false,
      reason: 'Select what to delete.'
    });
    expect(canDelete(state, [entry('/data/x')], trans).allowed).toBe(true);
  });

  it('is not to delete a fixed folder among others', async () => {
    const state = await opened({});
    const fixed = entry('/data/shared/', { protected: true });
    expect(canDelete(state, [entry('/data/x'), fixed], trans).reason).toContain('“shared”');
  });

  it('is to get credentials for elsewhere, whatever folder is open, once storage is set up', async () => {
    const state = await opened({ mutateProtected: true, uploadProtected: true, reason });
    expect(canUseCli(state, trans).allowed).toBe(true);
    const { state: before } = new BrowserModel(new FakeClient());
    expect(canUseCli(before, trans).reason).toBe('Storage is not configured.');
  });

  it('is nothing while no folder is open', () => {
    const { state } = new BrowserModel(new FakeClient());
    expect(canUpload(state, trans)).toEqual({ allowed: false, reason: 'No folder is open.' });
  });

  it('is to download files, but not folders nor names that no address can carry', () => {
    expect(canDownload([entry('/a'), entry('/b')], trans).allowed).toBe(true);
    expect(canDownload([], trans).allowed).toBe(false);
    expect(canDownload([entry('/a'), entry('/f/')], trans).allowed).toBe(false);
    expect(canDownload([entry('/a', { problem: 'dots' })], trans).reason).toBe('dots');
  });

  it('is to drop files on folders in which one may write', async () => {
    const state = await opened({ uploadProtected: true });
    expect(canDropOn(state, entry('/data/shared/'))).toBe(true);
    expect(canDropOn(state, entry('/data/other/'))).toBe(false);
    expect(canDropOn(state, entry('/data/shared/file'))).toBe(false);
  });
});

describe('a lock', () => {
  it('is on folders outside every writable one, and says where one can write', async () => {
    const state = await opened({});
    expect(isReadOnly(state, entry('/data/'))).toBe(true);
    expect(isReadOnly(state, entry('/data/shared/'))).toBe(false);
    expect(isReadOnly(state, entry('/data/shared/deep/'))).toBe(false);
    expect(isReadOnly(state, entry('/data/shared/file.csv'))).toBe(false);
    expect(readOnlyReason(state, entry('/data/'), trans)).toBe(
      '/data/ is read-only. You can write inside /data/customer-ada/, /data/shared/.'
    );
    expect(readOnlyReason(state, entry('/other/'), trans)).toBe('/other/ is read-only.');
  });
});

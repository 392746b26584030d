import { copyText } from '../clipboard';

function withClipboard(writeText: ((text: string) => Promise<void>) | undefined): void {
  Object.defineProperty(navigator, 'clipboard', {
    configurable: true,
    value: writeText && { writeText }
  });
}

describe('copying', () => {
  it("uses the browser's clipboard", async () => {
    const writeText = jest.fn(async () => undefined);
    withClipboard(writeText);
    await expect(copyText('s3://b/k')).resolves.toBe(true);
    expect(writeText).toHaveBeenCalledWith('s3://b/k');
  });

  it('falls back to the old command where there is none, and leaves no trace', async () => {
    withClipboard(undefined);
    let copied = '';
    document.execCommand = jest.fn(() => {
      copied = document.querySelector('textarea')!.value;
      return true;
    });
    await expect(copyText('s3://b/k')).resolves.toBe(true);
    expect(copied).toBe('s3://b/k');
    expect(document.querySelector('textarea')).toBeNull();
  });

  it('says when neither works', async () => {
    withClipboard(() => Promise.reject(new Error('not allowed')));
    document.execCommand = jest.fn(() => false);
    await expect(copyText('s3://b/k')).resolves.toBe(false);
  });
});

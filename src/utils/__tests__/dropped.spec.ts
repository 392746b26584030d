import { carriesFiles, droppedFiles, pickedFiles } from '../dropped';

function fileEntry(fullPath: string): FileSystemEntry {
  const file = new File(['x'], fullPath.split('/').at(-1)!);
  return {
    isFile: true,
    fullPath,
    file: (resolve: (file: File) => void) => resolve(file)
  } as unknown as FileSystemEntry;
}

/** A folder whose reader answers in batches, as Chromium's does. */
function folderEntry(fullPath: string, ...batches: FileSystemEntry[][]): FileSystemEntry {
  const left = [...batches, []];
  return {
    isFile: false,
    fullPath,
    createReader: () => ({
      readEntries: (resolve: (entries: FileSystemEntry[]) => void) => resolve(left.shift()!)
    })
  } as unknown as FileSystemEntry;
}

function transfer(entries: FileSystemEntry[]): DataTransfer {
  return {
    types: ['Files'],
    files: [],
    items: entries.map(entry => ({ kind: 'file', webkitGetAsEntry: () => entry }))
  } as unknown as DataTransfer;
}

describe('dropped files', () => {
  it('keep their place in the folders that were dropped, however many batches it takes', async () => {
    const inner = folderEntry('/top/inner', [fileEntry('/top/inner/c.csv')]);
    const top = folderEntry('/top', [fileEntry('/top/a.csv')], [fileEntry('/top/b.csv'), inner]);
    const found = await droppedFiles(transfer([top, fileEntry('/d.csv')]));
    expect(found.map(({ relativePath }) => relativePath)).toEqual([
      'top/a.csv',
      'top/b.csv',
      'top/inner/c.csv',
      'd.csv'
    ]);
  });

  it('are told from other things that are dragged', () => {
    expect(carriesFiles(transfer([]))).toBe(true);
    expect(carriesFiles({ types: ['text/plain'] } as unknown as DataTransfer)).toBe(false);
    expect(carriesFiles(null)).toBe(false);
  });

  it('of a chosen folder keep their place in it', () => {
    const file = new File(['x'], 'a.csv');
    Object.defineProperty(file, 'webkitRelativePath', { value: 'chosen/a.csv' });
    const paths = pickedFiles([file, new File(['y'], 'b.csv')]).map(picked => picked.relativePath);
    expect(paths).toEqual(['chosen/a.csv', 'b.csv']);
  });
});

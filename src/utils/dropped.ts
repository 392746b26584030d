/** A file to upload, and where below the target folder it goes (`a/b.csv` out of a folder). */
export interface IPickedFile {
  file: File;
  relativePath: string;
}

/** Whether a drag carries files of the user's machine. */
export function carriesFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes('Files') ?? false;
}

/**
 * The files of a drop, those in dropped folders included.
 *
 * The entries must be taken while the event is handled, so that part runs at once.
 */
export function droppedFiles(transfer: DataTransfer): Promise<IPickedFile[]> {
  const entries = Array.from(transfer.items)
    .filter(item => item.kind === 'file')
    .map(item => item.webkitGetAsEntry?.() ?? null);
  if (entries.length === 0 || entries.includes(null)) {
    return Promise.resolve(pickedFiles(transfer.files));
  }
  return walkAll(entries as FileSystemEntry[]);
}

/** The files of an `<input type="file">`; those of a chosen folder keep their place in it. */
export function pickedFiles(files: FileList | readonly File[]): IPickedFile[] {
  return Array.from(files, file => ({
    file,
    relativePath: file.webkitRelativePath || file.name
  }));
}

async function walkAll(entries: FileSystemEntry[]): Promise<IPickedFile[]> {
  const found: IPickedFile[] = [];
  // In turn, not at once: a folder of 100,000 files would open as many handles.
  for (const entry of entries) {
    for await (const picked of walk(entry)) {
      found.push(picked);
    }
  }
  return found;
}

async function* walk(entry: FileSystemEntry): AsyncGenerator<IPickedFile> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject)
    );
    yield { file, relativePath: entry.fullPath.replace(/^\//, '') };
  } else {
    for await (const child of children(entry as FileSystemDirectoryEntry)) {
      yield* walk(child);
    }
  }
}

async function* children(folder: FileSystemDirectoryEntry): AsyncGenerator<FileSystemEntry> {
  const reader = folder.createReader();
  for (;;) {
    // A reader answers at most 100 entries at a time, and none at the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject)
    );
    if (batch.length === 0) {
      return;
    }
    yield* batch;
  }
}

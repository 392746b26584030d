import {
  LabIcon,
  audioIcon,
  codeIcon,
  fileIcon,
  folderIcon,
  html5Icon,
  imageIcon,
  jsonIcon,
  juliaIcon,
  markdownIcon,
  notebookIcon,
  pdfIcon,
  pythonIcon,
  rKernelIcon,
  spreadsheetIcon,
  textEditorIcon,
  videoIcon,
  yamlIcon
} from '@jupyterlab/ui-components';

import cautionSvg from '../../style/icons/caution.svg';
import cloudAlertSvg from '../../style/icons/cloud-alert.svg';
import cloudDoneSvg from '../../style/icons/cloud-done.svg';
import cloudDownSvg from '../../style/icons/cloud-down.svg';
import cloudOffSvg from '../../style/icons/cloud-off.svg';
import cloudUpSvg from '../../style/icons/cloud-up.svg';
import eyeOffSvg from '../../style/icons/eye-off.svg';
import eyeSvg from '../../style/icons/eye.svg';
import lockSvg from '../../style/icons/lock.svg';
import noteSvg from '../../style/icons/note.svg';
import storageSvg from '../../style/icons/storage.svg';
import syncNowSvg from '../../style/icons/sync-now.svg';

export {
  caretDownIcon,
  caretUpIcon,
  checkIcon,
  closeIcon,
  copyIcon,
  deleteIcon,
  downloadIcon,
  fileIcon,
  fileUploadIcon,
  filterIcon,
  folderIcon,
  newFolderIcon,
  refreshIcon
} from '@jupyterlab/ui-components';

function own(name: string, svgstr: string): LabIcon {
  return new LabIcon({ name: `wherobots-storage:${name}`, svgstr });
}

export const storageIcon = own('storage', storageSvg);
export const cautionIcon = own('caution', cautionSvg);
export const eyeIcon = own('eye', eyeSvg);
export const eyeOffIcon = own('eye-off', eyeOffSvg);
export const lockIcon = own('lock', lockSvg);
export const noteIcon = own('note', noteSvg);
export const syncNowIcon = own('sync-now', syncNowSvg);
export const cloudAlertIcon = own('cloud-alert', cloudAlertSvg);
export const cloudDoneIcon = own('cloud-done', cloudDoneSvg);
export const cloudDownIcon = own('cloud-down', cloudDownSvg);
export const cloudOffIcon = own('cloud-off', cloudOffSvg);
export const cloudUpIcon = own('cloud-up', cloudUpSvg);

/** JupyterLab's own icons, by what a file's name ends with. */
const BY_EXTENSION: Record<string, LabIcon> = {
  ...icons(notebookIcon, 'ipynb'),
  ...icons(pythonIcon, 'py pyi pyx'),
  ...icons(juliaIcon, 'jl'),
  ...icons(rKernelIcon, 'r rmd'),
  ...icons(markdownIcon, 'md markdown rst'),
  ...icons(jsonIcon, 'json jsonl ndjson geojson topojson'),
  ...icons(spreadsheetIcon, 'csv tsv xls xlsx parquet geoparquet feather arrow orc avro'),
  ...icons(imageIcon, 'png jpg jpeg gif svg webp bmp ico tif tiff'),
  ...icons(yamlIcon, 'yaml yml'),
  ...icons(html5Icon, 'html htm xhtml'),
  ...icons(pdfIcon, 'pdf'),
  ...icons(audioIcon, 'mp3 wav ogg flac m4a'),
  ...icons(videoIcon, 'mp4 mov webm mkv avi'),
  ...icons(codeIcon, 'js ts tsx jsx java scala sql sh c cc cpp h hpp rs go xml toml css'),
  ...icons(textEditorIcon, 'txt log cfg ini conf')
};

function icons(icon: LabIcon, extensions: string): Record<string, LabIcon> {
  return Object.fromEntries(extensions.split(' ').map(extension => [extension, icon]));
}

/** The icon of an entry. */
export function entryIcon(entry: { name: string; type: 'FILE' | 'FOLDER' }): LabIcon {
  if (entry.type === 'FOLDER') {
    return folderIcon;
  }
  const extension = entry.name.slice(entry.name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension]! : fileIcon;
}

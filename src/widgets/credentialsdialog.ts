import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { createElement } from 'react';

import type { IStorageClient } from '../api/client';
import type { ConfigInfo } from '../api/generated';
import { CredentialsModel, firstTarget, uploadTargets } from '../model/credentials';
import { CredentialsBody } from './credentials';

/**
 * JupyterLab dresses a body's controls by moving them about in the document, which React, whose
 * they are, does not stand; this body has its own looks.
 */
class Renderer extends Dialog.Renderer {
  override createBody(body: Dialog.Body<unknown>): ReactWidget {
    const widget = body as ReactWidget;
    widget.addClass('jp-Dialog-body');
    return widget;
  }
}

/** A dialog that leaves to its body what happens there: Enter in a list of choices chooses. */
class BodyDialog extends Dialog<unknown> {
  override handleEvent(event: Event): void {
    const inBody = (event.target as Element | null)?.closest?.('.jp-Dialog-body');
    const isEnter = event instanceof KeyboardEvent && event.key === 'Enter';
    if (!inBody || !(isEnter || event.type === 'contextmenu')) {
      super.handleEvent(event);
    }
  }
}

/** Let the user make credentials for uploads from elsewhere; they are gone when it closes. */
export async function showCredentials(options: {
  config: ConfigInfo;
  /** The folder that is shown. */
  path: string;
  client: IStorageClient;
  trans: TranslationBundle;
}): Promise<void> {
  const { config, path, client, trans } = options;
  const targets = uploadTargets(config, path);
  const model = new CredentialsModel({ client, folder: firstTarget(targets, path) });
  if (config.features.credentials) {
    void model.load();
  }
  const body = ReactWidget.create(
    createElement(CredentialsBody, { config, model, targets, trans })
  );
  body.addClass('wbs-Dialog');
  body.addClass('wbs-Credentials');
  const dialog = new BodyDialog({
    title: trans.__('Upload with the AWS CLI'),
    body,
    buttons: [Dialog.okButton({ label: trans.__('Close') })],
    focusNodeSelector: 'select',
    renderer: new Renderer()
  });
  dialog.addClass('wbs-CredentialsDialog');
  try {
    await dialog.launch();
  } finally {
    model.dispose();
  }
}

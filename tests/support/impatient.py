"""JupyterLab with the extension, which waits for seconds where it waits for minutes otherwise.

For LabServer, as its program.
"""

from __future__ import annotations

from jupyterlab.labapp import main

from wherobots_storage.handlers import patience, upload_manager

patience.IDLE_SECONDS = 3.0
patience.SLOWEST_BYTES = 1024**2
patience.TAKE_SECONDS = 4.0
upload_manager.IDLE_SECONDS = 20.0
upload_manager.REAP_SECONDS = 0.5

if __name__ == "__main__":
    main()

"""A directory that knows nothing of this service but its address and a token: PyPI's `scim2-tester` over `scim2-client`. It asks
what there is, makes, reads, changes and deletes all of it. Prints a line of JSON for each thing that it tried.

    scim_check.py
"""

import json
import os

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

key = {"Authorization": f"Bearer {os.environ['BULKHEAD_SCIM_TOKEN']}"}
with Client(base_url=os.environ["BULKHEAD_SCIM_URL"], headers=key, trust_env=False) as http:
    for tried in check_server(SyncSCIMClient(http)):
        if tried.status == Status.SKIPPED:
            continue
        held = tried.status in (Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE)
        line = {"check": tried.title, "of": tried.resource_type, "held": held, "status": tried.status.name, "why": tried.reason}
        print(json.dumps(line), flush=True)

"""Reading patch compliance from AWS Systems Manager: the only part of patchbot that imports boto3 or botocore."""

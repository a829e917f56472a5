"""The resource types and properties that the runtime knows: all else stops the boot."""

HONOURED: dict[str, frozenset[str]] = {
    "AWS::ApiGatewayV2::Api": frozenset({"Body"}),
    "AWS::ApiGatewayV2::Stage": frozenset({"ApiId", "StageName", "AutoDeploy"}),
    "AWS::Cognito::UserPool": frozenset({"UserPoolName"}),
    "AWS::Cognito::UserPoolClient": frozenset({"UserPoolId"}),
    "AWS::Cognito::UserPoolDomain": frozenset({"UserPoolId", "Domain"}),
    "AWS::Cognito::UserPoolResourceServer": frozenset({"UserPoolId", "Identifier", "Scopes"}),
    "AWS::DynamoDB::Table": frozenset(
        {
            "AttributeDefinitions",
            "KeySchema",
            "GlobalSecondaryIndexes",
            "StreamSpecification",
            "TimeToLiveSpecification",
            "BillingMode",
        }
    ),
    "AWS::Events::Rule": frozenset(
        {"EventBusName", "EventPattern", "ScheduleExpression", "State", "Targets", "Name"}
    ),
    "AWS::GuardDuty::MalwareProtectionPlan": frozenset({"Actions", "ProtectedResource"}),
    "AWS::IAM::Role": frozenset(),
    "AWS::IoT::Policy": frozenset({"PolicyName", "PolicyDocument"}),
    "AWS::IoT::TopicRule": frozenset({"RuleName", "TopicRulePayload"}),
    "AWS::KMS::Alias": frozenset({"AliasName", "TargetKeyId"}),
    "AWS::KMS::Key": frozenset({"Enabled", "KeySpec", "KeyUsage"}),
    "AWS::Lambda::EventInvokeConfig": frozenset(
        {
            "DestinationConfig",
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        }
    ),
    "AWS::Lambda::EventSourceMapping": frozenset(
        {
            "BatchSize",
            "DestinationConfig",
            "Enabled",
            "EventSourceArn",
            "FilterCriteria",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumRetryAttempts",
            "StartingPosition",
        }
    ),
    "AWS::Lambda::Function": frozenset(
        {
            "DeadLetterConfig",
            "Environment",
            "Handler",
            "ReservedConcurrentExecutions",
            "Runtime",
            "Timeout",
        }
    ),
    "AWS::Lambda::LayerVersion": frozenset(),
    "AWS::Lambda::Permission": frozenset(),
    "AWS::S3::Bucket": frozenset({"NotificationConfiguration", "VersioningConfiguration"}),
    "AWS::S3::BucketPolicy": frozenset(),
    "AWS::SES::ConfigurationSet": frozenset(),
    "AWS::SES::ConfigurationSetEventDestination": frozenset(
        {"ConfigurationSetName", "EventDestination"}
    ),
    "AWS::SES::ReceiptRule": frozenset({"After", "Rule", "RuleSetName"}),
    "AWS::SES::ReceiptRuleSet": frozenset({"RuleSetName"}),
    "AWS::SQS::Queue": frozenset(
        {
            "ContentBasedDeduplication",
            "DelaySeconds",
            "FifoQueue",
            "MessageRetentionPeriod",
            "QueueName",
            "ReceiveMessageWaitTimeSeconds",
            "RedrivePolicy",
            "VisibilityTimeout",
        }
    ),
    "AWS::SQS::QueuePolicy": frozenset(),
    "AWS::Scheduler::Schedule": frozenset(
        {"ScheduleExpression", "ScheduleExpressionTimezone", "Target", "State", "Name"}
    ),
}
"""Resource types and the properties that this runtime acts upon."""

WITHOUT_EFFECT: dict[str, frozenset[str]] = {
    "AWS::ApiGatewayV2::Api": frozenset({"Tags"}),
    "AWS::ApiGatewayV2::Stage": frozenset({"Tags"}),
    "AWS::Cognito::UserPool": frozenset(
        {"AdminCreateUserConfig", "MfaConfiguration", "EnabledMfas"}
    ),
    # The stack's own pool knows one kind of sign-in, and sends people back to this machine only.
    "AWS::Cognito::UserPoolClient": frozenset(
        {
            "AccessTokenValidity",
            "AllowedOAuthFlows",
            "AllowedOAuthFlowsUserPoolClient",
            "AllowedOAuthScopes",
            "CallbackURLs",
            "ClientName",
            "EnableTokenRevocation",
            "ExplicitAuthFlows",
            "GenerateSecret",
            "LogoutURLs",
            "PreventUserExistenceErrors",
            "SupportedIdentityProviders",
        }
    ),
    "AWS::Cognito::UserPoolResourceServer": frozenset({"Name"}),
    "AWS::DynamoDB::Table": frozenset(
        {"SSESpecification", "PointInTimeRecoverySpecification", "Tags"}
    ),
    "AWS::Events::Rule": frozenset({"Description"}),
    "AWS::GuardDuty::MalwareProtectionPlan": frozenset({"Role", "Tags"}),
    "AWS::IAM::Role": frozenset(
        {"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "Tags"}
    ),
    "AWS::KMS::Key": frozenset(
        {"Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays", "Tags"}
    ),
    "AWS::Lambda::EventSourceMapping": frozenset(
        # A function gets what waits at the instant: a window that waits for more would stop a
        # clock that is moved by hand, and cost nothing but calls. Only its number is checked.
        # How many run at once is bounded here by the machine's threads.
        {"MaximumBatchingWindowInSeconds", "ScalingConfig"}
    ),
    "AWS::Lambda::Function": frozenset(
        {
            "Code",
            "Description",
            "MemorySize",
            "Role",
            "Tags",
            "Layers",
            "Architectures",
            "LoggingConfig",
        }
    ),
    "AWS::Lambda::LayerVersion": frozenset(
        {"Content", "CompatibleRuntimes", "CompatibleArchitectures", "LayerName"}
    ),
    "AWS::Lambda::Permission": frozenset({"Action", "FunctionName", "Principal", "SourceArn"}),
    "AWS::S3::Bucket": frozenset({"BucketEncryption", "PublicAccessBlockConfiguration", "Tags"}),
    "AWS::S3::BucketPolicy": frozenset({"Bucket", "PolicyDocument"}),
    "AWS::SQS::Queue": frozenset({"SqsManagedSseEnabled", "Tags"}),
    "AWS::SQS::QueuePolicy": frozenset({"PolicyDocument", "Queues"}),
    "AWS::Scheduler::Schedule": frozenset({"FlexibleTimeWindow"}),
}
"""Properties that mean something on AWS only: rights, encryption, sizes, packaging, waiting."""

RESOURCE_PARTS = frozenset(
    {"Type", "Properties", "Metadata", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"}
)
"""What a resource may consist of; a Condition, for one, would decide whether it exists at all."""

"""The resource types and properties that the runtime knows: all else stops the boot."""

WATCHING: dict[str, frozenset[str]] = {
    "AWS::CloudWatch::Alarm": frozenset(
        {
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
            "Unit",
        }
    ),
    "AWS::CloudWatch::Dashboard": frozenset({"DashboardBody", "DashboardName"}),
    "AWS::IoT::Logging": frozenset({"AccountId", "DefaultLogLevel", "RoleArn"}),
    "AWS::Logs::LogGroup": frozenset({"LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"}),
    "AWS::SNS::Subscription": frozenset({"Endpoint", "Protocol", "TopicArn"}),
    "AWS::SNS::Topic": frozenset({"DisplayName", "KmsMasterKeyId", "Tags", "TopicName"}),
    "AWS::SNS::TopicPolicy": frozenset({"PolicyDocument", "Topics"}),
}
"""What a laptop has no use for: whoever runs a stack on it sees its logs, its queues and its page,
and nobody is called out of bed by it. Nothing of it is served, and all of it is checked by name."""
DOMAINS: dict[str, frozenset[str]] = {
    "AWS::ApiGatewayV2::ApiMapping": frozenset({"ApiId", "ApiMappingKey", "DomainName", "Stage"}),
    "AWS::ApiGatewayV2::DomainName": frozenset({"DomainName", "DomainNameConfigurations", "Tags"}),
}
"""The API's name on the internet; here its door is on the loopback address."""

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
    "AWS::IoT::ProvisioningTemplate": frozenset(
        {"Enabled", "PreProvisioningHook", "TemplateBody", "TemplateName", "TemplateType"}
    ),
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
    **dict.fromkeys((*WATCHING, *DOMAINS), frozenset[str]()),
}
"""Resource types and the properties that this runtime acts upon."""

WITHOUT_EFFECT: dict[str, frozenset[str]] = {
    **WATCHING,
    **DOMAINS,
    "AWS::ApiGatewayV2::Api": frozenset({"DisableExecuteApiEndpoint", "Tags"}),
    # The door on the loopback address writes no log of its own, and one machine is its own bound.
    "AWS::ApiGatewayV2::Stage": frozenset({"AccessLogSettings", "DefaultRouteSettings", "Tags"}),
    "AWS::Cognito::UserPool": frozenset(
        {
            "AccountRecoverySetting",
            "AdminCreateUserConfig",
            "DeletionProtection",
            "EnabledMfas",
            "MfaConfiguration",
            "Policies",
        }
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
        {
            "DeletionProtectionEnabled",
            "PointInTimeRecoverySpecification",
            "SSESpecification",
            "Tags",
        }
    ),
    "AWS::Events::Rule": frozenset({"Description"}),
    "AWS::GuardDuty::MalwareProtectionPlan": frozenset({"Role", "Tags"}),
    "AWS::IAM::Role": frozenset(
        {"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "Policies", "Tags"}
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
            "TracingConfig",
        }
    ),
    "AWS::Lambda::LayerVersion": frozenset(
        {"Content", "CompatibleRuntimes", "CompatibleArchitectures", "LayerName"}
    ),
    "AWS::IoT::ProvisioningTemplate": frozenset({"ProvisioningRoleArn"}),
    "AWS::Lambda::Permission": frozenset(
        {"Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"}
    ),
    # What expires on AWS would expire under a clock that is moved by months; here all is kept.
    "AWS::S3::Bucket": frozenset(
        {
            "BucketEncryption",
            "LifecycleConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
        }
    ),
    "AWS::S3::BucketPolicy": frozenset({"Bucket", "PolicyDocument"}),
    "AWS::SQS::Queue": frozenset({"SqsManagedSseEnabled", "Tags"}),
    "AWS::SQS::QueuePolicy": frozenset({"PolicyDocument", "Queues"}),
    "AWS::SES::ConfigurationSet": frozenset({"DeliveryOptions", "ReputationOptions", "Tags"}),
    "AWS::Scheduler::Schedule": frozenset({"FlexibleTimeWindow"}),
}
"""Properties that mean something on AWS only: rights, encryption, sizes, packaging, waiting."""

RESOURCE_PARTS = frozenset(
    {
        "Condition",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdateReplacePolicy",
    }
)
"""What a resource may consist of; a Condition was looked at before."""
